#pragma once

#include <string>
#include <string_view>

#include "base/bytes.hpp"
#include "base/error.hpp"

namespace farkeep {

/// The envelope of every file of the registry (REGISTRY.md §1): rot is found before anything is believed.  Pure.
Buffer registry_file(ByteView payload);

struct RegistryPayload {
  ByteView bytes;      ///< into the file
  bool sealed = true;  ///< false: a file of the first version, which had no envelope and no checksum
};
/// Takes any bytes.  Errors: damaged.
result<RegistryPayload> registry_payload(ByteView file);

/// What becomes of a file that is damaged, and what its operator can do: a sentence without its end.  `name`: below the registry's folder.
std::string what_helps(std::string_view name);

}  // namespace farkeep
