# Daily work and benchmarks: optimised, with assertions.
#   cmake -S . -B $FARKEEP_BUILD/dev -C config/cmake/dev.cmake
set(CMAKE_GENERATOR Ninja CACHE INTERNAL "")
set(CMAKE_BUILD_TYPE RelWithDebInfo CACHE STRING "" FORCE)
set(CMAKE_CXX_FLAGS_RELWITHDEBINFO "-O2 -g1" CACHE STRING "" FORCE)
