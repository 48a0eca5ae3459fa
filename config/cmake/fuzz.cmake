# libFuzzer, with clang.
#   cmake -S . -B $FARKEEP_BUILD/fuzz -C config/cmake/fuzz.cmake
set(CMAKE_GENERATOR Ninja CACHE INTERNAL "")
# Not forced: the compiler of a build tree cannot be changed.
set(CMAKE_CXX_COMPILER clang++ CACHE STRING "")
set(CMAKE_BUILD_TYPE Debug CACHE STRING "" FORCE)
set(CMAKE_CXX_FLAGS_DEBUG "-O1 -g1" CACHE STRING "" FORCE)
set(FARKEEP_SANITIZE fuzzer-no-link,address,undefined CACHE STRING "" FORCE)
set(FARKEEP_FUZZ ON CACHE BOOL "" FORCE)
set(FARKEEP_BENCH OFF CACHE BOOL "" FORCE)
set(FARKEEP_TESTS ON CACHE BOOL "" FORCE)
