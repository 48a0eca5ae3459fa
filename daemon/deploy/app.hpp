#pragma once

#include <boost/json/object.hpp>
#include <optional>
#include <string>

#include "base/clock.hpp"
#include "config/profile_config.hpp"
#include "crypto/random.hpp"
#include "platform/disk.hpp"

namespace farkeep::deploy {

struct Options {
  Options() = default;
  bool json = false, quiet = false;
};

/// What every verb works with.  Nothing here talks to a network.
class App {
 public:
  explicit App(Options options) : options_(options) {}

  const Options& options() const noexcept { return options_; }
  Disk& disk() noexcept { return system_disk(); }
  const Clock& clock() const noexcept { return clock_; }
  Random& random() noexcept { return random_; }

  /// One result on standard output: text for people, or one JSON object a line.
  void result(const std::string& text, const boost::json::object& object) const;
  /// For people only, on standard error.
  void hint(const std::string& text) const;

 private:
  Options options_;
  SystemClock clock_;
  SystemRandom random_;
};

/// A file that must be there.  Throws failure(configuration) naming it and what it is.
std::string text_of_file(Disk& disk, const std::string& path, const std::string& what, std::size_t limit);
/// Throws failure(configuration) after printing every mistake.
ProfileConfig read_profile(Disk& disk, const std::string& path);

}  // namespace farkeep::deploy
