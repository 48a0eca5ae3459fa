#pragma once

#include <string>
#include <vector>

namespace farkeep {

/// `[notify]`
struct NotifyConfig {
  bool all = false;  ///< not only problems
  std::vector<std::string> webhooks, mails, commands;
  std::string sendmail;
  std::string proxy;  ///< URL, or empty; for webhooks and pings

  /// Somebody is named.
  bool anybody() const noexcept { return !webhooks.empty() || !mails.empty() || !commands.empty(); }
};

class Settings;

/// What the keys of notify_keys.hpp say.
NotifyConfig read_notify(const Settings& notify);

}  // namespace farkeep
