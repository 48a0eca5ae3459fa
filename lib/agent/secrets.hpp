#pragma once

#include <string>

#include "config/connection_config.hpp"
#include "crypto/secret.hpp"

namespace farkeep {

enum class SecretLines { first, all, as_before };
/// A secret from a file: its line (secret_line() of config/secret_line.hpp), everything, or what older versions took for its line (secret_line_before()), which may be nothing.  Throws failure(configuration), also when nothing is in it, and when others may change the file; that others
/// may read it is logged.
SecretText read_secret_file(const std::string& path, SecretLines lines = SecretLines::first);
/// A secret from wherever the configuration says; `what` is for the message when it says nothing.  A command has 30 s, reads nothing and has no terminal.
/// Blocks.  Throws failure: configuration, or as command_output() does.
SecretText read_secret(const SecretSource& source, const std::string& what);

/// That of the proxy in use; empty where none is needed.
SecretText proxy_password(const ConnectionConfig& connection);

}  // namespace farkeep
