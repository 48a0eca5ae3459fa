#pragma once

#include <string_view>

#include "config/schema.hpp"

namespace farkeep {

// The keys that agents and servers have in common.  `command` has a sentence for each, because what it hears of differs.
inline constexpr KeySpec kNotifyWebhookKey{.key = "webhook",
                                           .type = SettingType::url,
                                           .example = "https://chat.example.org/hooks/backup",
                                           .help = "An address to which each notice is posted as a JSON object, with its text as text.",
                                           .repeatable = true};
inline constexpr KeySpec kNotifyMailKey{.key = "mail",
                                        .type = SettingType::mail,
                                        .example = "backup@example.org",
                                        .help = "A mail address, reached with the sendmail command.",
                                        .repeatable = true};
inline constexpr KeySpec kNotifySendmailKey{.key = "sendmail", .type = SettingType::path, .fallback = "/usr/sbin/sendmail", .help = "The program that takes mail."};
constexpr KeySpec notify_proxy_key(std::string_view help) {
  return {.key = "proxy", .type = SettingType::url, .example = "http://proxy.example.net:3128", .help = help};
}
constexpr KeySpec notify_command_key(std::string_view help) {
  return {.key = "command", .type = SettingType::command, .example = "/usr/local/bin/page-me", .help = help, .repeatable = true};
}

}  // namespace farkeep
