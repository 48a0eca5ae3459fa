#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "app.hpp"
#include "common/command_line.hpp"
#include "vault/standing.hpp"

namespace farkeep::server {

/// One verb of farkeep-server(8).
struct Command : Verb {
  Exit (*run)(App&, const po::variables_map&, const Operands&);
};

std::span<const Command> commands();

/// What every verb takes.
po::options_description general_options();

/// A duration option such as 24h.  Throws failure(usage).
std::chrono::seconds duration_of(const po::variables_map& values, const char* name, std::chrono::seconds otherwise);

/// The agent whose whole id this is, or the only one that is called so or whose id begins so.  Throws failure: not_found, usage.
vault::pb::Agent agent_for(App&, const std::string& what);
/// By what the agent last told.
AgentStanding standing_of(App&, const vault::pb::Agent& agent);

// ---- the verbs
void init_options(po::options_description&);
Exit init(App&, const po::variables_map&, const Operands&);
void invite_options(po::options_description&);
Exit invite(App&, const po::variables_map&, const Operands&);
void run_options(po::options_description&);
Exit run(App&, const po::variables_map&, const Operands&);
void account_add_options(po::options_description&);
Exit account_add(App&, const po::variables_map&, const Operands&);
Exit account_list(App&, const po::variables_map&, const Operands&);
void token_create_options(po::options_description&);
Exit token_create(App&, const po::variables_map&, const Operands&);
void agents_options(po::options_description&);
Exit agents(App&, const po::variables_map&, const Operands&);
Exit agent_revoke(App&, const po::variables_map&, const Operands&);
void agent_admit_options(po::options_description&);
Exit agent_admit(App&, const po::variables_map&, const Operands&);
void registry_act_options(po::options_description&);
Exit registry_set_aside(App&, const po::variables_map&, const Operands&);
Exit registry_heed_again(App&, const po::variables_map&, const Operands&);
Exit registry_take_back(App&, const po::variables_map&, const Operands&);
/// Says on standard error what of the registry is damaged, and what the partner said that was not believed; the exit code that follows from it.
Exit tell_registry_state(App&);
void snapshots_options(po::options_description&);
Exit snapshots(App&, const po::variables_map&, const Operands&);
void set_aside_options(po::options_description&);
void slots_set_aside_options(po::options_description&);
Exit set_aside(App&, const po::variables_map&, const Operands&);
Exit slots(App&, const po::variables_map&, const Operands&);
Exit slots_set_aside(App&, const po::variables_map&, const Operands&);
void directory_publish_options(po::options_description&);
Exit directory_publish(App&, const po::variables_map&, const Operands&);
Exit directory_show(App&, const po::variables_map&, const Operands&);
void directory_set_aside_options(po::options_description&);
Exit directory_set_aside(App&, const po::variables_map&, const Operands&);
Exit authority_show(App&, const po::variables_map&, const Operands&);
void authority_renew_options(po::options_description&);
Exit authority_renew_server(App&, const po::variables_map&, const Operands&);
Exit authority_renew_issuing(App&, const po::variables_map&, const Operands&);
void authority_revoke_options(po::options_description&);
Exit authority_revoke(App&, const po::variables_map&, const Operands&);
void authority_roll_options(po::options_description&);
Exit authority_roll_root(App&, const po::variables_map&, const Operands&);
Exit authority_retire_root(App&, const po::variables_map&, const Operands&);
void authority_export_options(po::options_description&);
Exit authority_export_root(App&, const po::variables_map&, const Operands&);
void authority_import_options(po::options_description&);
Exit authority_import_root(App&, const po::variables_map&, const Operands&);
Exit pair(App&, const po::variables_map&, const Operands&);
Exit status(App&, const po::variables_map&, const Operands&);
Exit clock_accept(App&, const po::variables_map&, const Operands&);
Exit config_check(App&, const po::variables_map&, const Operands&);
void config_show_options(po::options_description&);
Exit config_show(App&, const po::variables_map&, const Operands&);
void config_generate_options(po::options_description&);
Exit config_generate(App&, const po::variables_map&, const Operands&);
void generate_options(po::options_description&);
Exit generate(App&, const po::variables_map&, const Operands&);

}  // namespace farkeep::server
