# Address and undefined behaviour sanitizers.
#   cmake -S . -B $FARKEEP_BUILD/asan -C config/cmake/asan.cmake
set(CMAKE_GENERATOR Ninja CACHE INTERNAL "")
set(CMAKE_BUILD_TYPE Debug CACHE STRING "" FORCE)
set(CMAKE_CXX_FLAGS_DEBUG "-O1 -g1" CACHE STRING "" FORCE)
set(FARKEEP_SANITIZE address,undefined CACHE STRING "" FORCE)
# The sources of tests need no check for undefined behaviour, and compile in three fifths of the time without it.  (With -O0 it is two fifths, but they run twice as long.)
set(FARKEEP_TEST_FLAGS -fno-sanitize=undefined CACHE STRING "" FORCE)
set(FARKEEP_BENCH OFF CACHE BOOL "" FORCE)
set(FARKEEP_UNITY ON CACHE BOOL "" FORCE)
