#pragma once

namespace farkeep {
/// Prints what did not hold and aborts.
[[noreturn]] void check_failed(const char* what, const char* file, int line) noexcept;
}  // namespace farkeep

/// An assertion that stays in release builds: for our own bugs only, never for what a peer or a disk can cause.
#define FARKEEP_CHECK(condition) \
  ((condition) ? static_cast<void>(0) : ::farkeep::check_failed(#condition, __FILE__, __LINE__))
