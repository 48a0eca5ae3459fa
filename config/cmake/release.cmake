# What is packaged: optimised and hardened.
#   cmake -S . -B $FARKEEP_BUILD/release -C config/cmake/release.cmake
set(CMAKE_GENERATOR Ninja CACHE INTERNAL "")
set(CMAKE_BUILD_TYPE Release CACHE STRING "" FORCE)
set(CMAKE_CXX_FLAGS_RELEASE "-O2 -DNDEBUG" CACHE STRING "" FORCE)
# A fresh machine waits for this build in quickstart.sh; the sanitizers test the same batches.
set(FARKEEP_UNITY ON CACHE BOOL "" FORCE)
