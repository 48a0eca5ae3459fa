#pragma once

#include <optional>
#include <set>
#include <string>

#include "transport/notice.hpp"

namespace farkeep {

/// Tells people which files of the registry were found damaged: new ones once, and that all are whole again.  Pure; one thread.
class DamageWatch {
 public:
  /// What people were told, by an earlier run.  Before the first look.
  void was_told(std::set<std::string> damaged) { told_ = std::move(damaged); }
  const std::set<std::string>& told() const noexcept { return told_; }

  /// `damaged`: Registry::met_damaged() now.
  std::optional<Notice> see(const std::set<std::string>& damaged);

 private:
  std::set<std::string> told_;
};

}  // namespace farkeep
