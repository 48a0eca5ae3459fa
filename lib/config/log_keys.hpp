#pragma once

#include <string_view>

#include "base/log.hpp"
#include "config/schema.hpp"

namespace farkeep {

// The two keys that every program's file has.  The choices stand in the order of LogLevel and LogFormat.
inline constexpr std::string_view kLogLevels[] = {"debug", "info", "warning", "error"};
inline constexpr std::string_view kLogFormats[] = {"text", "json"};
static_assert(static_cast<int>(LogLevel::error) == 3 && static_cast<int>(LogFormat::json) == 1);

inline constexpr KeySpec kLogLevelKey{.key = "log_level",
                                      .type = SettingType::choice,
                                      .fallback = "info",
                                      .help = "The least important messages that are still written.",
                                      .choices = kLogLevels};
inline constexpr KeySpec kLogFormatKey{.key = "log_format",
                                       .type = SettingType::choice,
                                       .fallback = "text",
                                       .help = "Messages as lines of text or as one JSON object a line.",
                                       .choices = kLogFormats};

}  // namespace farkeep
