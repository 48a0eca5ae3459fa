#include "wire/verb.hpp"

namespace farkeep::wire {
namespace {

struct Row {
  Verb verb;
  std::string_view name;
  bool nobody, agent, server;
  Stage from;
};

constexpr Row kTable[] = {
    {Verb::hello, "hello", true, true, true, Stage::connected},
    {Verb::ping, "ping", true, true, true, Stage::connected},
    {Verb::bye, "bye", true, true, true, Stage::connected},
    {Verb::failure, "failure", false, false, false, Stage::connected},
    {Verb::register_agent, "register", true, false, false, Stage::greeted},
    {Verb::renew, "renew", false, true, false, Stage::greeted},
    {Verb::directory, "directory", false, true, true, Stage::greeted},
    {Verb::report, "report", false, true, false, Stage::greeted},
    {Verb::open, "open", false, true, true, Stage::greeted},
    {Verb::have, "have", false, true, true, Stage::opened},
    {Verb::put, "put", false, true, true, Stage::opened},
    {Verb::commit, "commit", false, true, true, Stage::opened},
    {Verb::snapshots, "snapshots", false, true, true, Stage::opened},
    {Verb::get, "get", false, true, true, Stage::opened},
    {Verb::add_slot, "add slot", false, true, true, Stage::opened},
    {Verb::slots, "slots", false, true, true, Stage::opened},
    {Verb::join, "join", true, false, false, Stage::greeted},
    {Verb::registry, "registry", false, false, true, Stage::greeted},
    {Verb::vaults, "vaults", false, false, true, Stage::greeted},
};

const Row* row_of(std::uint8_t number) noexcept {
  for (auto const& row : kTable)
    if (static_cast<std::uint8_t>(row.verb) == number) return &row;
  return nullptr;
}

}  // namespace

std::optional<Verb> verb_of(std::uint8_t number) noexcept {
  auto const* row = row_of(number);
  return row ? std::optional{row->verb} : std::nullopt;
}

std::string_view name_of(Verb verb) noexcept {
  auto const* row = row_of(static_cast<std::uint8_t>(verb));
  return row ? row->name : "unknown";
}

Verdict allowed(Verb verb, Role role, Stage stage) noexcept {
  auto const* row = row_of(static_cast<std::uint8_t>(verb));
  if (!row || verb == Verb::failure) return Verdict::not_a_request;
  if (verb == Verb::hello && stage != Stage::connected) return Verdict::second_hello;
  bool const may = role == Role::nobody ? row->nobody : role == Role::agent ? row->agent : row->server;
  if (!may) return Verdict::wrong_role;
  return stage < row->from ? Verdict::too_early : Verdict::yes;
}

}  // namespace farkeep::wire
