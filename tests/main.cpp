#define CATCH_CONFIG_MAIN
#include "vectors_folder.hpp"
#include <catch2/catch.hpp>

const char* const kVectors = FARKEEP_VECTORS;
