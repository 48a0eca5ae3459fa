#include "base/log.hpp"

#include <spdlog/sinks/stdout_color_sinks.h>
#include <spdlog/spdlog.h>

#include <atomic>
#include <cstdio>

#include "base/harmless.hpp"

namespace farkeep {
namespace {

spdlog::level::level_enum level_of(LogLevel l) {
  switch (l) {
    case LogLevel::debug: return spdlog::level::debug;
    case LogLevel::info: return spdlog::level::info;
    case LogLevel::warning: return spdlog::level::warn;
    case LogLevel::error: return spdlog::level::err;
  }
  return spdlog::level::info;
}

// The one global of the program.  Quiet until start_logging(): tests and tools that do not ask see nothing.
std::shared_ptr<spdlog::logger>& logger() {
  static std::shared_ptr<spdlog::logger> it;
  return it;
}
std::atomic<LogFormat> the_format = LogFormat::text;

std::string json_escaped(std::string_view text) {
  std::string out;
  for (char c : text) {
    switch (c) {
      case '"': out += "\\\""; break;
      case '\\': out += "\\\\"; break;
      case '\n': out += "\\n"; break;
      default:
        if (static_cast<unsigned char>(c) < 0x20) out += fmt::format("\\u{:04x}", static_cast<unsigned char>(c));
        else out.push_back(c);
    }
  }
  return out;
}

}  // namespace

void start_logging(LogLevel least, LogFormat format) {
  // Made once: other threads may log while the settings change.
  if (!logger()) logger() = spdlog::stderr_color_mt("farkeep");
  the_format = format;
  logger()->set_level(level_of(least));
  if (format == LogFormat::json) logger()->set_pattern(R"({"time":"%Y-%m-%dT%H:%M:%S.%e%z","level":"%l","message":"%v"})");
  else logger()->set_pattern("%Y-%m-%d %H:%M:%S %^%l%$ %v");
}

void log(LogLevel level, std::string_view message) {
  if (!logger()) return;
  if (the_format == LogFormat::json) logger()->log(level_of(level), "{}", harmless_json(json_escaped(message)));
  else logger()->log(level_of(level), "{}", harmless_line(message));
}

}  // namespace farkeep
