#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/bytes.hpp"
#include "config/ini.hpp"
#include "config/parsed.hpp"
#include "config/value.hpp"

namespace farkeep {

// Bounds of one configuration.  Nobody writes so much; a pattern that matches a wrong folder does.
inline constexpr std::size_t kMaxConfigFiles = 256;        // a file for each job, and more jobs than a machine has
inline constexpr std::size_t kMaxConfigBytes = 4u << 20;   // four files of the largest size
inline constexpr std::size_t kMaxIncludeDepth = 8;         // site, group, machine, job, and as many again

/// Where files of a configuration come from, so that this module opens none.
class ConfigFiles {
 public:
  virtual ~ConfigFiles() = default;
  /// The whole file, or nothing when there is none.  Throws failure: too_large above `limit` bytes, else why it cannot be read.
  virtual std::optional<Buffer> read(const std::string& path, std::size_t limit) = 0;
  /// The names in a folder; none when there is no such folder.  Throws failure.
  virtual std::vector<std::string> list(const std::string& folder) = 0;
  /// A text that all names of one file share, where a file can have several.
  virtual std::string identity(const std::string& path) { return path; }
};

/// One text, and nothing beside it.
class OneConfigFile final : public ConfigFiles {
 public:
  OneConfigFile(std::string path, std::string text) : path_(std::move(path)), text_(std::move(text)) {}
  std::optional<Buffer> read(const std::string& path, std::size_t) override {
    return path == path_ ? std::optional{to_buffer(as_bytes(text_))} : std::nullopt;
  }
  std::vector<std::string> list(const std::string&) override { return {}; }

 private:
  std::string path_, text_;
};

/// The files as they would be with another text in one of them.
class ChangedConfigFiles final : public ConfigFiles {
 public:
  ChangedConfigFiles(ConfigFiles& files, std::string path, std::string text) : files_(files), changed_(std::move(path), std::move(text)) {}
  std::optional<Buffer> read(const std::string& path, std::size_t limit) override {
    auto text = changed_.read(path, limit);
    return text ? std::move(text) : files_.read(path, limit);
  }
  std::vector<std::string> list(const std::string& folder) override { return files_.list(folder); }
  std::string identity(const std::string& path) override { return files_.identity(path); }

 private:
  ConfigFiles& files_;
  OneConfigFile changed_;
};

enum class MainFile {
  required,  ///< that there is none is a mistake
  optional,  ///< it may be missing: its drop-ins are read all the same
};

/// The files that make one configuration, in the order in which they count: the later one has the last word.
///
///   1. what a file's [include] names, in the order of the lines; the names that a pattern matches as sorted bytes
///   2. the file itself
///   3. for the main file MAIN: its drop-ins, MAIN.d/*.ini, as sorted bytes; names with a dot in front are left out
///
/// A file is read once, where it is named first.  Mistakes: a plain name of which there is no file, a circle (also one that is closed by another name of
/// a file, such as a symbolic link), more than kMaxIncludeDepth steps, a drop-in that is included as well, a file that cannot be read, one of the bounds above.
struct IniFiles {
  std::vector<IniDocument> documents;
  bool has_main = false;
  bool complete = true;             ///< false: a file that was named is not among them, so what seems to be missing may be in it
  std::vector<ConfigError> errors;  ///< of grammar and of finding the files
};
IniFiles read_ini_files(ConfigFiles& from, const std::string& main, MainFile when_missing = MainFile::required);

/// The value of `[include] file`: a path, absolute or from the file's folder, with `*` in its last part only.
Value<std::string> parse_include(std::string_view text);

}  // namespace farkeep
