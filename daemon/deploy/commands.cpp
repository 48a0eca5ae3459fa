#include "command.hpp"

namespace farkeep::deploy {
namespace {

// In the order in which an administrator meets them.
constexpr Command kCommands[] = {
    {"escrow create", "", "Makes the organisation's key pair, by which it can recover every machine's backups.", escrow_create_options, escrow_create},
    {"check", "PROFILE", "Checks a profile, says what is wrong with it, and lists its classes with their jobs.", no_options, check},
    {"bundle", "PROFILE", "Makes the folder with which machines of a class, or one machine, are installed.", bundle_options, bundle},
    {"verify", "BUNDLE", "Checks a bundle: is it whole, and will it work, as far as that shows here.", no_options, verify},
    {"diff", "BUNDLE_OR_INI AGENT_INI", "Shows which settings differ, and where each stands; exit code 1 if any does.", no_options, diff},
    {"generate", "", "Writes manual pages and completions for shells.", generate_options, generate},
};

}  // namespace

std::span<const Command> commands() { return kCommands; }

}  // namespace farkeep::deploy
