#pragma once

#include <string>
#include <vector>

#include "agent/doctor.hpp"
#include "agent/way_out.hpp"
#include "app.hpp"

namespace farkeep::cli {

/// All servers that this machine must reach, as far as it knows.
std::vector<NeededServer> servers_of(App& app);

/// Tries all of them, one after the other (two half sessions at once would blur what is seen), and shows how each fared.
/// `extras`: what the doctor then wants to know, if it is asked for.
std::vector<Examination> examine_all(App& app, Extras* extras = nullptr, Doctor::Idle idle = Doctor::Idle::skip);

enum class Trial { first, none };
/// Changes the way to the servers in the configuration file: "KEY=VALUE" of [connection], or "SECTION.KEY=VALUE"; a key given twice has two lines, an
/// empty value takes it out.  With a trial nothing is written that does not work.  The running daemon takes it over.
Exit change_way(App& app, const std::vector<std::string>& changes, Trial trial);

}  // namespace farkeep::cli
