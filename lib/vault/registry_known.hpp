#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "base/bytes.hpp"
#include "base/error.hpp"
#include "vault/registry.pb.h"
#include "wire/wire.pb.h"

namespace farkeep {

/// What both servers of a pair say of one account or agent: this server's word, and the partner's (REGISTRY.md §2).
template <class Record>
struct Known {
  Known() = default;
  std::optional<wire::pb::RegistryEntry> own_entry, their_entry;
  std::optional<Record> own, theirs;
  bool sealed = true;  ///< false: read from a file of the first version
};

/// Takes any bytes.  `self` is this server's id; a word that nobody signed yet is its own, too.  Errors: damaged.
result<Known<vault::pb::Account>> parse_known_account(ByteView file, std::string_view id, std::string_view self);
result<Known<vault::pb::Agent>> parse_known_agent(ByteView file, std::string_view id, std::string_view self);
template <class Record>
Buffer encode_known(const Known<Record>& known);

/// The entry with nothing but the fields that this version knows: what else came in it is no part of the word, and would only take room.
wire::pb::RegistryEntry only_fields(wire::pb::RegistryEntry entry);
/// How much longer than usual it is.
std::size_t long_bytes(const wire::pb::RegistryEntry& entry);

/// A record that came from elsewhere, if nothing in it breaks a bound: sizes of ids and keys, their number, names that are text.
std::optional<vault::pb::Account> parse_account(const wire::pb::RegistryEntry& entry);
std::optional<vault::pb::Agent> parse_agent(const wire::pb::RegistryEntry& entry);

/// What holds here.  An account or agent is at home at the server that made it.  That server's word counts, and here what this server says,
/// too; what the other one says of what is at home here may deny (revoked, retired keys), until it is lifted, and nothing else.
vault::pb::Account settled(const Known<vault::pb::Account>& known, std::string_view self);
vault::pb::Agent settled(const Known<vault::pb::Agent>& known, std::string_view self);

/// This server's word as it begins: its last one, else one that says nothing yet of what the home says.
vault::pb::Account own_word(const Known<vault::pb::Account>& known, std::string_view self);
vault::pb::Agent own_word(const Known<vault::pb::Agent>& known, std::string_view self);
/// This server's word about something that it takes over: what held here, as if it had been made here.
vault::pb::Account taken_over(const Known<vault::pb::Account>& known, std::string_view self, std::string_view home);
vault::pb::Agent taken_over(const Known<vault::pb::Agent>& known, std::string_view self, std::string_view home);

/// Of two words of this server, of which one came back from the partner: the newer one, and all that either denies.
vault::pb::Agent united(const vault::pb::Agent& newer, const vault::pb::Agent& ours);
vault::pb::Account united(const vault::pb::Account& newer, const vault::pb::Account& ours);

}  // namespace farkeep
