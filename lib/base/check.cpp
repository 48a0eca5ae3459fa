#include "base/check.hpp"

#include <cstdio>
#include <cstdlib>

namespace farkeep {

void check_failed(const char* what, const char* file, int line) noexcept {
  std::fprintf(stderr, "farkeep: a bug in the program: %s does not hold at %s:%d\n", what, file, line);
  std::abort();
}

}  // namespace farkeep
