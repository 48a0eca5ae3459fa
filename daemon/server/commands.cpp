#include "command.hpp"

namespace farkeep::server {
namespace {

constexpr Command kCommands[] = {
    {"init", "", "Makes a data centre in an empty folder, or, with --invite, joins another one as its partner.", init_options, init},
    {"invite", "", "Prints an invitation for the server that is to be this one's partner.", invite_options, invite},
    {"run", "", "Serves: what the systemd unit runs.", run_options, run},
    {"account add", "NAME", "Adds an account.", account_add_options, account_add},
    {"account list", "", "Lists the accounts.", no_options, account_list},
    {"token create", "", "Prints a token with which agents register; it is shown this once.", token_create_options, token_create},
    {"agents", "", "Lists the agents.", agents_options, agents},
    {"agent revoke", "AGENT", "Lets an agent in no more; what it stored stays.", no_options, agent_revoke},
    {"agent admit", "AGENT", "Lets a revoked agent in again.", no_options, agent_admit},
    {"snapshots", "", "Lists snapshots, as far as a server without keys can see.", snapshots_options, snapshots},
    {"directory publish", "", "Announces new addresses of the pair: signed, and taken over by the agents by themselves.", directory_publish_options, directory_publish},
    {"directory show", "", "Shows the addresses that agents are told, and which agents do not use them yet.", no_options, directory_show},
    {"pair", "", "Shows both servers of the pair, and how far the mirror is.", no_options, pair},
    {"status", "", "Shows this server: is it running, what does it hold.", no_options, status},
    {"config check", "", "Checks the configuration, all its files, and says what is wrong with it.", no_options, config_check},
    {"config show", "", "Shows the configuration that is in force, and where each line of it stands.", config_show_options, config_show},
    {"config generate", "", "Prints a configuration file with every key explained, commented at its default.", config_generate_options, config_generate},
    {"generate", "", "Writes manual pages and completions for shells.", generate_options, generate},
};

}  // namespace

std::span<const Command> commands() { return kCommands; }

std::chrono::seconds duration_of(const po::variables_map& values, const char* name, std::chrono::seconds otherwise) {
  auto const text = text_of(values, name);
  if (!text) return otherwise;
  auto const duration = parse_duration(*text);
  if (!duration) throw failure(Errc::usage, std::string{"--"} + name + " " + *text + ": " + duration.error().text);
  return *duration;
}

}  // namespace farkeep::server
