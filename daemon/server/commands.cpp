#include "authority_act.hpp"
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
    {"agent admit", "AGENT", "Lets a revoked agent in again.", agent_admit_options, agent_admit},
    {"registry set-aside", "ID", "Counts the partner's word on an agent or account no more: what it holds without that word stays.", registry_act_options, registry_set_aside},
    {"registry take-back", "", "After this data folder was restored from a backup: takes back, for a day, what this server itself said later and its partner still has.", registry_act_options, registry_take_back},
    {"registry heed-again", "ID", "Hears the partner again on an agent or account that was set aside.", registry_act_options, registry_heed_again},
    {"snapshots", "", "Lists snapshots, as far as a server without keys can see.", snapshots_options, snapshots},
    {"snapshots set-aside", "AGENT NUMBER", "Takes a snapshot of an agent that no other one follows out of the way, for instance a thief's; nothing is deleted.", set_aside_options, set_aside},
    {"slots", "AGENT", "Lists an agent's key slots: when each came and who brought it; what is in them no server can see.", no_options, slots},
    {"slots set-aside", "AGENT SLOT...", "Takes key slots of an agent out of the way, for instance junk that fills its list; nothing is deleted.", slots_set_aside_options, slots_set_aside},
    {"directory publish", "", "Announces new addresses of the pair: signed, and taken over by the agents by themselves.", directory_publish_options, directory_publish},
    {"directory show", "", "Shows the addresses that agents are told, and which agents do not use them yet.", no_options, directory_show},
    {"directory set-aside", "", "Puts the stored address directory aside, one with a poisoned serial for example; the primary signs a new one.", directory_set_aside_options, directory_set_aside},
    {"authority show", "", "Shows roots, issuing key and server key, what was revoked, and what remains to be done after a new root.", no_options, authority_show},
    {"authority renew-server", "", "Gives this server a new key, under the same id.", authority_renew_options, authority_renew_server},
    {"authority renew-issuing", "", "Gives this server a new issuing key; takes the newest root's key.", authority_renew_options, authority_renew_issuing},
    {"authority revoke", "", "Takes a server or a key back, in the root's word; takes the root's key.", authority_revoke_options, authority_revoke},
    {"authority roll-root", "", "Makes a new root, which follows the present one; takes the root's key.", authority_roll_options, authority_roll_root},
    {"authority retire-root", "", "Ends the trust in the older root, when no server stands under it any more; takes the new root's key.", root_option, authority_retire_root},
    {"authority export-root", "", "Writes the root's key to a file, encrypted, and with --remove takes it off this server.", authority_export_options, authority_export_root},
    {"authority import-root", "FILE", "Brings the root's key back to this server.", authority_import_options, authority_import_root},
    {"pair", "", "Shows both servers of the pair, and how far the mirror is.", no_options, pair},
    {"status", "", "Shows this server: is it running, what does it hold, whom did it turn away.", no_options, status},
    {"clock accept", "", "Says that this machine's clock is right, after the server stopped to believe it.", no_options, clock_accept},
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
