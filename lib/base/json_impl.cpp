// Boost.JSON, compiled once for all programs.
#include <boost/json/src.hpp>
