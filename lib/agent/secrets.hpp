#pragma once

#include <string>

#include "config/value.hpp"
#include "crypto/secret.hpp"

namespace farkeep {

enum class SecretLines { first, all };
/// A secret from a file: its first line without the line end, or everything.  Throws failure(configuration).
SecretText read_secret_file(const std::string& path, SecretLines lines = SecretLines::first);
/// A secret from wherever the configuration says; `what` is for the message when it says nothing.
SecretText read_secret(const SecretSource& source, const std::string& what);

}  // namespace farkeep
