# Daily work and benchmarks: optimised, with assertions.
#   cmake -S . -B $FARKEEP_BUILD/dev -C config/cmake/dev.cmake
set(CMAKE_GENERATOR Ninja CACHE INTERNAL "")
set(CMAKE_BUILD_TYPE RelWithDebInfo CACHE STRING "" FORCE)
set(CMAKE_CXX_FLAGS_RELWITHDEBINFO "-O2 -g1" CACHE STRING "" FORCE)
# tests/run.sh says otherwise for all three, behind this file on its command line.
set(FARKEEP_UNIT_TESTS ON CACHE BOOL "" FORCE)
set(FARKEEP_BENCH ON CACHE BOOL "" FORCE)
set(FARKEEP_UNITY OFF CACHE BOOL "" FORCE)
