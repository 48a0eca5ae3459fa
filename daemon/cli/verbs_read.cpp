#include <spdlog/fmt/fmt.h>

#include <algorithm>
#include <boost/json.hpp>

#include "agent/check.hpp"
#include "agent/fetcher.hpp"
#include "agent/heads.hpp"
#include "agent/listing.hpp"
#include "agent/other_jobs.hpp"
#include "agent/own_snapshots.hpp"
#include "agent/protection.hpp"
#include "agent/restore.hpp"
#include "agent/second_server.hpp"
#include "archive/path.hpp"
#include "platform/printable.hpp"
#include "verbs.hpp"
#include "base/harmless.hpp"
#include "base/shown_path.hpp"
#include "common/json_path.hpp"
#include "common/unheard.hpp"

namespace farkeep::cli {
namespace {

// What this server does not show, and a later snapshot says that it follows.
task<void> ask_the_other(App& app, VaultPort& vault, std::vector<SnapshotInfo>& all) {
  Elsewhere elsewhere;
  elsewhere.here = vault.server();
  const std::vector<ServerTarget> pair = known_ones_first(app.state(), app.clock(), app.servers().pair());
  for (auto& target : pair) {
    if (target.id == vault.server_id() || elsewhere.others) continue;
    elsewhere.other = target.name;
    elsewhere.known = Heads(app.state()).pinned(target.id).sequence;
    Servers::Work work = [&](VaultPort& other) -> task<void> {
      SnapshotTrust trust = app.trust();
      elsewhere.others = co_await list_snapshots(other, std::move(trust), app.workers());
    };
    try {
      co_await app.servers().use(target, std::move(work));
    } catch (const failure& f) {
      if (classify(f.code()) == Errc::cancelled) throw;
      app.reporter().note("asking " + target.name + " for what " + elsewhere.here + " does not show: " + f.what());
    }
  }
  if (elsewhere.other.empty()) elsewhere.other = "another server";
  look_elsewhere(all, elsewhere);
}

// What is listed is held against what this machine knows of that server's history.  A server may lag behind the other one, which is told.
task<std::vector<SnapshotInfo>> all_snapshots(App& app, VaultPort& vault) {
  const Head pinned = Heads(app.state()).pinned(vault.server_id());
  SnapshotTrust trust = app.trust();
  std::vector<SnapshotInfo> all = co_await list_snapshots(vault, std::move(trust), app.workers());
  if (std::any_of(all.begin(), all.end(), [](const SnapshotInfo& s) { return s.missing_from != 0; })) co_await ask_the_other(app, vault, all);
  if (app.reads_older()) co_return all;
  compare_listing(vault, app.state(), pinned, all);
  const Head known = Heads(app.state()).newest_seen();
  const SnapshotInfo* newest = newest_there(all);
  const std::uint64_t number = newest ? newest->sequence : 0;
  if (known.sequence > number)
    app.reporter().note(fmt::format("{} does not have the newest snapshot yet that this machine knows of, number {} ({}); the newest there is number {}", vault.server(), known.sequence, known.id.brief(), number));
  co_return all;
}

void older_option(po::options_description& d) { d.add_options()("accept-older", "read what is there, although no server shows all that this machine knows of; the exit code is 6 all the same"); }

Older older_of(const Values& values) { return values.count("accept-older") ? Older::accepted : Older::refused; }

char kind_letter(EntryKind k) {
  switch (k) {
    case EntryKind::file: return '-';
    case EntryKind::folder: return 'd';
    case EntryKind::symlink: return 'l';
    case EntryKind::fifo: return 'p';
    case EntryKind::socket: return 's';
    case EntryKind::char_device: return 'c';
    case EntryKind::block_device: return 'b';
  }
  return '?';
}

std::string modified(const Entry& e) { return rfc3339_of(std::chrono::floor<std::chrono::seconds>(std::chrono::nanoseconds(e.mtime_ns)).count() + e.mtime_far); }

std::string mode_text(const Entry& e) {
  static constexpr char kBits[] = "rwxrwxrwx";
  std::string s(1, kind_letter(e.kind));
  for (unsigned i = 0; i < 9; ++i) s.push_back(e.mode & (0400u >> i) ? kBits[i] : '-');
  if (e.mode & 04000) s[3] = s[3] == 'x' ? 's' : 'S';
  if (e.mode & 02000) s[6] = s[6] == 'x' ? 's' : 'S';
  if (e.mode & 01000) s[9] = s[9] == 'x' ? 't' : 'T';
  return s;
}

void print_entry(App& app, const Entry& e, bool in_full) {
  const std::string path = "/" + e.path, time = modified(e);
  if (app.options().json) {
    boost::json::object o{{"message_type", "node"}};
    put_path(o, "path", path);
    o["type"] = std::string(1, kind_letter(e.kind));
    o["mode"] = fmt::format("{:04o}", e.mode);
    o["uid"] = e.uid;
    o["gid"] = e.gid;
    o["size"] = e.size;
    o["mtime"] = time;
    app.say(boost::json::serialize(o));
  } else if (in_full) {
    app.say(fmt::format("{} {:>8} {:>8} {:>12} {} {}{}", mode_text(e), e.user.empty() ? std::to_string(e.uid) : harmless_line(e.user), e.group.empty() ? std::to_string(e.gid) : harmless_line(e.group),
                        e.size, time, shown_path(path), e.kind == EntryKind::symlink ? " -> " + shown_path(e.link_target) : ""));
  } else {
    app.say(shown_path(path));
  }
}

void print_snapshots(App& app, const std::vector<SnapshotInfo>& all) {
  for (auto& s : all) {
    const std::string when = s.server_time == WallTime{} ? std::string(20, '-') : rfc3339(s.server_time);
    if (app.options().json) {
      boost::json::object o{{"message_type", "snapshot"}, {"id", s.id.is_zero() ? "" : s.id.hex()}, {"short_id", s.id.is_zero() ? "" : s.id.brief()}, {"sequence", s.sequence}, {"time", when},
                            {"protected", s.is_protected}, {"job", s.details.job}, {"host", s.details.host}, {"files", s.details.files}, {"folders", s.details.folders},
                            {"bytes", s.details.bytes}, {"bytes_sent", s.details.bytes_sent}, {"unreadable", s.details.unreadable},
                            {"changed_while_read", s.details.changed_while_read}, {"without_attributes", s.details.without_attributes}};
      boost::json::array tags;
      for (auto& t : s.details.tags) tags.emplace_back(t);
      put_paths(o, "paths", s.details.paths);
      o["tags"] = std::move(tags);
      if (!s.problem.empty()) o["problem"] = s.problem;
      o["missing"] = s.missing_from != 0;  // of this server
      if (s.missing_from != 0) o["missing_from"] = s.missing_from;
      if (!s.elsewhere.empty()) o["elsewhere"] = s.elsewhere;
      app.say(boost::json::serialize(o));
      continue;
    }
    std::string line = fmt::format("{}  {}  {:9}  {:12} {:>9} files {:>10}", s.id.is_zero() ? std::string(s.id.brief().size(), '-') : s.id.brief(), when, s.missing_from ? "missing" : s.is_protected ? "protected" : "received", harmless_line(s.details.job), s.details.files,
                                   show_bytes(static_cast<double>(s.details.bytes)));
    if (s.details.unreadable + s.details.changed_while_read) line += fmt::format("  {} unreadable, {} changed while read", s.details.unreadable, s.details.changed_while_read);
    if (s.details.without_attributes) line += fmt::format("  {} without some attributes", s.details.without_attributes);
    if (s.missing_from != 0) line += fmt::format("  number {}", s.sequence);
    if (!s.problem.empty()) line += (s.on_its_way ? "  MISSING HERE: " : "  PROBLEM: ") + harmless_line(s.problem);
    else if (s.on_its_way) line += "  on " + harmless_line(s.elsewhere) + " alone so far";
    app.say(line);
  }
  if (all.empty() && !app.options().json) app.say("no snapshots yet");
}

// "latest" means this machine's own, where another one works as the same agent.
std::string own_name(App& app, const std::vector<SnapshotInfo>& all, const std::string& name) {
  const SnapshotInfo* own = latest_made_here(all, name, app.state());
  if (!own) return name;
  app.tell_alarm(fmt::format("{}. Of '{}' the newest that this machine made is taken, number {} ({}); farkeep snapshots lists the others", Heads(app.state()).other_machine(), name, own->sequence, own->id.brief()));
  return own->id.hex();
}

}  // namespace

void snapshots_options(po::options_description& d) {
  d.add_options()("wait-protected", "wait until the newest snapshot is on both servers (at most a minute)");
  older_option(d);
}

Exit snapshots(App& app, const Values& values, const Operands&) {
  std::vector<SnapshotInfo> all;
  bool waited_in_vain = false;
  Servers::Work work = [&](VaultPort& vault) -> task<void> {
    waited_in_vain = false;
    all = co_await all_snapshots(app, vault);
    const SnapshotInfo* newest = newest_there(all);
    if (!values.count("wait-protected") || !newest || newest->is_protected) co_return;
    SnapshotTrust trust = app.trust();
    const bool is_protected = co_await wait_protected(vault, *newest, trust.roots, trust.pair, app.timers());
    all = co_await all_snapshots(app, vault);
    waited_in_vain = !is_protected;
  };
  app.run(app.read_vault(std::move(work), older_of(values)));
  if (!app.reads_older()) note_protection(app.state(), app.config(), all);
  print_snapshots(app, all);
  Exit exit = app.alarmed() ? Exit::alarm : Exit::done;
  for (auto& s : all)
    if (!s.problem.empty() && !s.on_its_way) exit = Exit::alarm;
  if (waited_in_vain) throw failure(Errc::timed_out, "waiting for the newest snapshot to be on both servers (it is safe on one; see: farkeep-server pair)");
  return exit;
}

void ls_options(po::options_description& d) {
  d.add_options()("long,l", "modes, owners, sizes and times");
  older_option(d);
}

Exit ls(App& app, const Values& values, const Operands& operands) {
  if (operands.size() > 2) throw failure(Errc::usage, "ls takes a snapshot and a path");
  const std::string name = operands.empty() ? "latest" : operands[0];
  const std::string path = operands.size() > 1 ? catalog_path(operands[1]) : "";
  std::string begun_with, elsewhere;
  Listing listing(path, [&](const Entry& e) {
    if (is_unheard()) return false;
    print_entry(app, e, values.count("long") > 0);
    return true;
  });
  Servers::Work work = [&](VaultPort& vault) -> task<void> {
    const std::vector<SnapshotInfo> all = co_await all_snapshots(app, vault);
    const std::string wanted = listing.begun() ? begun_with : own_name(app, all, name);
    const SnapshotInfo& snapshot = pick_snapshot(all, wanted);
    if (!snapshot.problem.empty()) throw failure(Errc::damaged, "listing snapshot " + snapshot.id.brief() + ": " + snapshot.problem);
    begun_with = snapshot.id.hex();
    Fetcher fetcher(vault, app.keys(), app.workers());
    co_await listing.run(fetcher, snapshot.root);
    if (!listing.found()) elsewhere = other_jobs_with(all, snapshot, {"/" + path});
  };
  app.run(app.read_vault(std::move(work), older_of(values)));
  if (!listing.found()) throw failure::whole(Errc::not_found, "listing " + printable("/" + path) + ": the snapshot does not have it" + elsewhere);
  return app.alarmed() ? Exit::alarm : Exit::done;
}

constexpr std::size_t kMostShown = 20;  // lines of one kind, after a restore

void restore_options(po::options_description& d) {
  d.add_options()("target", po::value<std::string>()->value_name("DIR"), "where to restore to: the snapshot's paths are made below it (required)")(
      "path", po::value<std::vector<std::string>>()->value_name("PATH")->composing(), "restore only this file or folder (repeatable)")(
      "overwrite", po::value<std::string>()->value_name("WHEN")->default_value("always"), "always, if-changed, if-newer or never")(
      "owners", po::value<std::string>()->value_name("HOW")->default_value("names"), "names: by name where this machine knows the name; ids: the numbers of the snapshot; none: all belongs to whoever restores")(
      "special", "device nodes, set-uid and set-gid bits and file capabilities, too; without it they come back only from snapshots that this machine made itself, the newest of each of its jobs");
  older_option(d);
}

Exit restore(App& app, const Values& values, const Operands& operands) {
  if (operands.size() != 1) throw failure(Errc::usage, "restore needs one snapshot: latest, latest:JOB, or its id (farkeep snapshots lists them)");
  if (!values.count("target")) throw failure(Errc::usage, "restore needs --target DIR (--target / restores in place)");
  RestoreOrder order;
  order.target = values["target"].as<std::string>();
  if (values.count("path")) order.paths = values["path"].as<std::vector<std::string>>();
  const std::string when = values["overwrite"].as<std::string>();
  if (when == "always") order.overwrite = Overwrite::always;
  else if (when == "if-changed") order.overwrite = Overwrite::if_changed;
  else if (when == "if-newer") order.overwrite = Overwrite::if_newer;
  else if (when == "never") order.overwrite = Overwrite::never;
  else throw failure(Errc::usage, "--overwrite takes always, if-changed, if-newer or never, not '" + when + "'");

  const std::string owners = values["owners"].as<std::string>();
  if (owners == "names") order.ownership = Ownership::names;
  else if (owners == "ids") order.ownership = Ownership::ids;
  else if (owners == "none") order.ownership = Ownership::none;
  else throw failure(Errc::usage, "--owners takes names, ids or none, not '" + owners + "'");

  RestoreResult result;
  RestoreProgress done;
  SnapshotInfo snapshot;
  const SteadyTime began = app.clock().steady();
  Servers::Work work = [&](VaultPort& vault) -> task<void> {
    const std::vector<SnapshotInfo> all = co_await all_snapshots(app, vault);
    snapshot = pick_for_restore(all, done.snapshot ? operands[0] : own_name(app, all, operands[0]), done);
    if (!snapshot.problem.empty()) throw failure(Errc::damaged, "restoring snapshot " + snapshot.id.brief() + ": " + snapshot.problem);
    SecondServer second(app.servers(), vault.server_id(), known_ones_first(app.state(), app.clock(), app.servers().pair()));
    Restore restore(vault, app.keys(), app.workers(), app.reporter(), MemoryPlan::of(app.config().memory), &second);
    if (values.count("special") || made_here(app.state(), snapshot.id)) order.special = Special::restore;
    try {
      result = co_await restore.run(snapshot, order, &done);
    } catch (const failure& f) {
      const std::string elsewhere = classify(f.code()) == Errc::not_found ? other_jobs_with(all, snapshot, order.paths) : "";
      if (elsewhere.empty()) throw;
      throw failure::whole(Errc::not_found, f.what() + elsewhere);
    }
  };
  app.run(app.read_vault(std::move(work), older_of(values)));
  const Progress& p = result.progress;
  const double seconds = std::chrono::duration<double>(app.clock().steady() - began).count();
  if (app.options().json) {
    boost::json::array not_set;
    for (auto& text : result.not_set) not_set.emplace_back(harmless_line(text));
    boost::json::object o{{"message_type", "summary"}, {"snapshot_id", snapshot.id.hex()}, {"server", p.server}, {"files", p.files}, {"folders", p.folders}, {"others", p.others},
                          {"bytes", p.bytes}, {"not_restored", p.unreadable}, {"metadata_not_applied", result.not_applied}, {"not_set", std::move(not_set)},
                          {"left_out", result.left_out}, {"lost", result.lost}, {"hid_trusted", snapshot.details.hid_trusted}, {"seconds", seconds}};
    put_path(o, "target", order.target);
    app.say(boost::json::serialize(o));
  } else {
    app.say(fmt::format("restored snapshot {} from {} to {}: {} files, {} folders, {} in {:.1f} s", snapshot.id.brief(), p.server, order.target, p.files, p.folders,
                        show_bytes(static_cast<double>(p.bytes)), seconds));
    if (result.not_applied) app.say(fmt::format("{} entries lack some of their metadata:", result.not_applied));
    for (std::size_t i = 0; i < std::min(result.not_set.size(), kMostShown); ++i) app.say("  " + harmless_line(result.not_set[i]));
    if (result.not_applied > kMostShown) app.say(fmt::format("  and {} more", result.not_applied - kMostShown));
    if (result.left_out)
      app.say(fmt::format("{} device nodes, set-uid or set-gid bits or capabilities were left out: this machine's own state does not say that it made this snapshot (with --special they are restored)", result.left_out));
    if (snapshot.details.hid_trusted) app.say("attributes named trusted.* are not in this snapshot, for the run that made it had no CAP_SYS_ADMIN; snapshots made by root have them");
    if (p.unreadable) app.say(fmt::format("{} entries could not be restored", p.unreadable));
    if (result.lost) app.say(fmt::format("of {} of them no server has a usable copy (farkeep check --read-data looks at all there is); an older snapshot may have them", result.lost));
  }
  if (app.alarmed() || result.lost) return Exit::alarm;
  return p.unreadable ? Exit::incomplete : Exit::done;
}

void check_options(po::options_description& d) {
  d.add_options()("read-data", "fetch and verify all content too");
  older_option(d);
}

Exit check(App& app, const Values& values, const Operands& operands) {
  CheckResult result;
  Servers::Work work = [&](VaultPort& vault) -> task<void> {
    const std::vector<SnapshotInfo> all = co_await all_snapshots(app, vault);
    std::vector<SnapshotInfo> chosen;
    for (auto& name : operands) chosen.push_back(pick_snapshot(all, own_name(app, all, name)));
    if (operands.empty()) chosen = all;
    std::erase_if(chosen, [](const SnapshotInfo& s) { return s.missing_from != 0; });
    result = co_await check_snapshots(vault, app.keys(), app.workers(), app.reporter(), std::move(chosen), values.count("read-data") ? CheckDepth::data : CheckDepth::structure,
                                      MemoryPlan::of(app.config().memory));
    for (auto& s : all) {
      if (s.on_its_way) app.reporter().note(fmt::format("snapshot {}, number {}, is on {} alone so far, and was not checked", s.id.brief(), s.sequence, s.elsewhere));
      if (s.problem.empty() || s.on_its_way) continue;
      ++result.error_count;
      result.errors.push_back("snapshot " + s.id.brief() + ": " + s.problem);
    }
  };
  app.run(app.read_vault(std::move(work), older_of(values)));
  if (app.options().json) {
    boost::json::array errors;
    for (auto& e : result.errors) errors.emplace_back(e);
    app.say(boost::json::serialize(boost::json::object{{"message_type", "summary"}, {"snapshots", result.snapshots}, {"nodes", result.nodes}, {"entries", result.entries},
                                                       {"objects", result.objects}, {"bytes_read", result.bytes_read}, {"error_count", result.error_count}, {"errors", std::move(errors)}}));
  } else {
    app.say(fmt::format("{} snapshots, {} catalog nodes, {} entries, {} chunks{}: {}", result.snapshots, result.nodes, result.entries, result.objects,
                        result.bytes_read ? " (" + show_bytes(static_cast<double>(result.bytes_read)) + " read)" : "",
                        result.error_count ? fmt::format("{} ERRORS", result.error_count) : "no errors"));
  }
  return result.error_count || app.alarmed() ? Exit::alarm : Exit::done;
}

}  // namespace farkeep::cli
