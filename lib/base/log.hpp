#pragma once

#include <spdlog/fmt/fmt.h>

#include <memory>
#include <string>
#include <string_view>

namespace farkeep {

enum class LogLevel { debug, info, warning, error };
enum class LogFormat { text, json };

/// Sets the process's one logger up: to standard error, as text lines or JSON lines.  For main; again when the configuration
/// says otherwise.
void start_logging(LogLevel least, LogFormat format);

/// One line.  Never a secret, never file content; at info level never a full path of user data.
void log(LogLevel level, std::string_view message);

template <class... Args>
void log_debug(fmt::format_string<Args...> f, Args&&... args) { log(LogLevel::debug, fmt::format(f, std::forward<Args>(args)...)); }
template <class... Args>
void log_info(fmt::format_string<Args...> f, Args&&... args) { log(LogLevel::info, fmt::format(f, std::forward<Args>(args)...)); }
template <class... Args>
void log_warning(fmt::format_string<Args...> f, Args&&... args) { log(LogLevel::warning, fmt::format(f, std::forward<Args>(args)...)); }
template <class... Args>
void log_error(fmt::format_string<Args...> f, Args&&... args) { log(LogLevel::error, fmt::format(f, std::forward<Args>(args)...)); }

}  // namespace farkeep
