#pragma once

#include <string>

#include "base/clock.hpp"
#include "config/profile_config.hpp"

namespace farkeep::deploy {

/// What an organisation's firewall administrators are asked for, to be decided on and kept: in words who connects from where to where and
/// why, the destinations that a mapped proxy must map, and the rules in every language that farkeep connection rules knows.  Pure.
/// `who`: the machines, in words; `agent`: their settings.
std::string firewall_sheet(const std::string& organisation, const std::string& who, const AgentConfig& agent, WallTime now);

}  // namespace farkeep::deploy
