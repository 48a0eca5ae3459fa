#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace farkeep {

/// One thing that is wrong in a file that an administrator wrote.
struct ConfigError {
  std::string file;
  int line = 0;      ///< from 1; 0: the file as a whole (something is missing)
  std::string text;  ///< what is wrong and what to write instead; holds no secret

  /// "agent.ini:12: unknown key …"
  std::string to_string() const {
    return line == 0 ? file + ": " + text : file + ":" + std::to_string(line) + ": " + text;
  }
  bool operator==(const ConfigError&) const = default;
};

/// What a file says, or all that is wrong with it: `value` is there exactly when `errors` is empty.
/// Errors come in the order of the files and of their lines, those of a file as a whole last.
template <class T>
struct Parsed {
  std::optional<T> value;
  std::vector<ConfigError> errors;

  explicit operator bool() const noexcept { return value.has_value(); }
};

/// Puts errors of several passes over a configuration into the order that Parsed promises; `files` are those it consists of.
void sort_by_place(std::vector<ConfigError>& errors, const std::vector<std::string>& files);

/// Text from a file as it may stand in a message: in double quotes, without control characters, cut after 60 bytes.
std::string in_quotes(std::string_view text);

}  // namespace farkeep
