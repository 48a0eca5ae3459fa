#include <algorithm>

#include "authority_act.hpp"
#include "base/build_time.hpp"
#include "wire/message.hpp"

// One root is followed by another (crypto/KEYS.md §6, "A new root").
namespace farkeep::server {
namespace {

constexpr auto* kRenew = "`farkeep-server authority renew-issuing --root-key FILE`";

VerifyKey key_of(const Certificate& root) { return value_or_throw(root.public_key(), "reading the key of a root"); }

std::vector<Certificate> roots_in(const wire::RootWord& word) {
  std::vector<Certificate> out;
  for (auto const& one : word.content.root()) out.push_back(value_or_throw(Certificate::from_der(as_bytes(one.certificate())), "reading a root in the root's word"));
  return out;
}

std::int64_t revoked_since(const wire::RootWord& word, const VerifyKey& key) {
  for (auto const& one : word.content.revoked())
    if (one.key() == as_text(key.view())) return one.since_ns();
  return 0;
}

// The partner, unless the root took it back as a whole: then nobody waits for it.
std::optional<vault::pb::Partner> partner_of(App& app, const std::optional<wire::RootWord>& word) {
  auto const partner = app.registry().partner();
  if (partner && word)
    for (auto const& one : word->content.revoked())
      if (one.server_id() == partner->server_id()) return std::nullopt;
  return partner;
}

// Agents that have not told this server of a directory which only those can read that heard of the newest root; nothing: there is none yet.
struct Unaware {
  std::uint64_t serial;
  std::size_t unaware, all;
};
std::optional<Unaware> unaware_agents(App& app, const Identity& identity) {
  auto const stored = wire::parse_message<wire::pb::SignedDirectory>(app.registry().directory());
  if (!stored) return std::nullopt;
  auto const chain = wire::parse_chain(stored->signer_chain());
  auto const content = wire::parse_message<wire::pb::Directory>(stored->directory());
  if (!chain || !content) return std::nullopt;
  auto const checked = checked_chain(chain->front(), std::span{*chain}.subspan(1), identity.roots(), app.clock().wall());
  if (!checked || checked->above.back() != identity.newest_root()) return std::nullopt;
  Unaware out{content->serial(), 0, 0};
  for (auto const& agent : app.registry().agents()) {
    if (agent.revoked()) continue;
    ++out.all;
    auto const id = AgentId::from(agent.id());
    auto const seen = id ? app.registry().seen(*id) : std::nullopt;
    if (!seen || seen->directory_serial() < content->serial()) ++out.unaware;
  }
  return out;
}

}  // namespace

void require_unused(App& app, const Identity& identity, const std::vector<VerifyKey>& roots, const std::string& doing) {
  auto const among = [&](std::string_view key) { return std::any_of(roots.begin(), roots.end(), [&](const VerifyKey& k) { return as_text(k.view()) == key; }); };
  auto const own = key_of(identity.root());
  if (among(as_text(own.view()))) throw failure(Errc::usage, doing + ": this server stands under that root; first " + kRenew + ", with the newest root's key");
  auto const partner = partner_of(app, AddressDirectory{app.registry(), identity, app.clock()}.root_word());
  if (!partner) return;
  auto const seen = app.registry().mirror_state().value_or(vault::pb::MirrorState{});
  if (seen.root_key().empty())
    throw failure(Errc::usage, doing + ": it is not known yet under which root the partner, " + partner->name() + ", stands: let both servers run until they have met");
  if (among(seen.root_key()))
    throw failure(Errc::usage, doing + ": the partner, " + partner->name() + ", stood under that root at the last contact, " + time_text(seen.contact_ns()) +
                                   "; first, there, " + kRenew + ", then this again when the two have met; one that is gone for good is revoked before: `authority revoke --server ID`");
}

// 1. the roots, and who stands where  2. what remains to be done, in its order
RootsShown show_roots(App& app, const Identity& identity, const std::optional<wire::RootWord>& word) {
  RootsShown out;
  if (!word || word->content.root().empty()) return out;
  auto const newest = key_of(identity.newest_root());
  auto const partner = partner_of(app, word);
  auto const seen = app.registry().mirror_state().value_or(vault::pb::MirrorState{});
  Table table{{"ROOT'S KEY", "UNTIL", "STATE"}};
  boost::json::array rows;
  std::vector<VerifyKey> older;
  for (auto const& root : roots_in(*word)) {
    auto const key = key_of(root);
    auto const retired = revoked_since(*word, key);
    bool const here = root == identity.root(), there = partner && seen.root_key() == as_text(key.view());
    if (key != newest && retired == 0) older.push_back(key);
    auto const* state = key == newest ? "newest" : retired != 0 ? "retired" : "followed";
    auto const until = rfc3339(root.not_after());
    std::string const since = retired != 0 ? " since " + time_text(retired) : "";
    table.add({key_text(key), until, state + since + (here ? ", of this server" : "") + (there ? ", of the partner" : "")});
    rows.push_back(boost::json::object{
        {"key", key_text(key)}, {"sha256", root.fingerprint().hex()}, {"until", until}, {"state", state}, {"here", here}, {"partner", there}});
  }
  std::vector<std::string> steps;
  if (identity.root() != identity.newest_root()) steps.push_back(std::string{"here: "} + kRenew + ", with the newest root's key");
  bool const met = !seen.root_key().empty();
  if (partner && seen.root_key() != as_text(newest.view()))
    steps.push_back("on the partner, " + partner->name() + ": " + (met ? kRenew : "let the two meet; it is not known under which root it stands"));
  if (!older.empty()) steps.push_back("when that is done, and the agents have heard: `farkeep-server authority retire-root --root-key FILE`");
  out.text = table.text();
  auto const line = [&](const std::string& text) { out.text += (out.text.ends_with('\n') ? "" : "\n") + text; };
  boost::json::array listed;
  for (auto const& step : steps) {
    line("To do        " + step);
    listed.emplace_back(step);
  }
  if (auto const agents = unaware_agents(app, identity)) {
    line("Agents       " + std::to_string(agents->unaware) + " of " + std::to_string(agents->all) +
         " may not have heard of the newest root: they have not told this server of address directory " + std::to_string(agents->serial));
    out.json["agents_unaware"] = agents->unaware;
  }
  out.json["roots"] = std::move(rows);
  out.json["remaining"] = std::move(listed);
  return out;
}

void authority_roll_options(po::options_description& d) {
  root_option(d);
  d.add_options()("file", po::value<std::string>()->value_name("FILE"), "where the new root's key goes, encrypted: keep it in a safe, off all machines; two copies")(
      "new-passphrase-file", po::value<std::string>()->value_name("FILE"), "first line of this file encrypts it, instead of asking");
}

// The file first: a root whose key is nowhere must not be told of.
Exit authority_roll_root(App& app, const po::variables_map& values, const Operands& operands) {
  no_operands(operands);
  std::string const doing = "rolling over to a new root";
  auto const file = text_of(values, "file");
  if (!file) throw failure(Errc::usage, doing + ": --file FILE is needed, for the new root's key");
  // Before the folder's owner is become: both files may lie where only root reads and writes.
  auto identity = Identity::load(app.disk(), app.data());
  app.hear_root_word(identity);
  auto const passphrase = new_passphrase(app, values, "new-passphrase-file");
  // A try that was ended between file and word left a key of which nobody has heard.
  auto written = root_key_written_before(app, *file, passphrase, doing);
  if (written && identity.roots().with_key(written->public_key()) != nullptr) {
    bool const is_newest = written->public_key() == key_of(identity.newest_root());
    throw failure(Errc::exists, doing + ": " + *file + " is there already with the key of a root that was told of, and is not replaced" +
                                    (is_newest ? "; it is the newest, so this was done: `farkeep-server authority import-root " + *file + "` brings its key to this server, `authority show` says what remains" : ""));
  }
  bool const was_here = identity.root_authority().has_value();
  if (auto const old = text_of(values, "root-key")) identity.bring_root(root_key_in(app, *old, values));
  auto const& old = root_of(identity, doing);
  if (identity.links().size() + 1 >= kMaxRoots)
    throw failure(Errc::too_large, doing + ": there were " + std::to_string(kMaxRoots) + " already, which is all that there can be");
  believe_clock(app, doing);
  bool const is_written = written.has_value();
  auto next = Authority::make_root(is_written ? std::move(*written) : SigningKey::generate(app.random()), app.clock().wall(), app.random(), build_time());
  if (!is_written) write_root_key(app, *file, next.key(), passphrase, doing);

  app.identity();
  AddressDirectory directory{app.registry(), identity, app.clock()};
  directory.follow_root(old, next, app.random());
  auto const before = old.certificate(), after = next.certificate();
  identity.bring_new_root(std::move(next));
  if (was_here) {
    Identity::remove_root(app.disk(), app.data());  // the old one's, which is good for nothing but a thief
    identity.save_root(app.disk(), app.data());
  }
  audit(app, "root " + key_text(before) + " is followed by root " + key_text(after));
  app.out().result("A new root follows, SHA-256 " + after.fingerprint().hex() + ". Its key is in " + *file + ", encrypted" +
                       (was_here ? ", and on this server, in the place of the old one." : "."),
                   boost::json::object{{"root", after.fingerprint().hex()},
                                       {"root_key", key_text(after)},
                                       {"old_root_key", key_text(before)},
                                       {"file", *file},
                                       {"root_key_here", was_here}});
  app.out().hint(std::string{"Next, on both servers: "} + kRenew + "; then agents that are new are given the new ca.pem.\n" +
                 "Then `farkeep-server authority retire-root`. `authority show` says what remains to be done." +
                 (was_here ? "\n`authority export-root --file FILE --remove` takes the key off this server." : ""));
  return Exit::done;
}

Exit authority_retire_root(App& app, const po::variables_map& values, const Operands& operands) {
  no_operands(operands);
  std::string const doing = "retiring the older root";
  auto const identity = begin_act(app, values);
  believe_clock(app, doing);
  auto const& root = root_of(identity, doing);
  AddressDirectory directory{app.registry(), identity, app.clock()};
  std::vector<VerifyKey> older;
  if (auto const word = directory.root_word())
    for (auto const& one : roots_in(*word))
      if (one != identity.newest_root() && revoked_since(*word, key_of(one)) == 0) older.push_back(key_of(one));
  if (older.empty())
    throw failure(Errc::usage, doing + ": there is none that is still trusted; `farkeep-server authority roll-root --file FILE` makes a new one, which follows the present one");
  require_unused(app, identity, older, doing);
  boost::json::array retired;
  for (auto const& key : older) {
    wire::pb::Revoked what;
    what.set_key(to_string(key.view()));
    directory.revoke(root, std::move(what));
    audit(app, "retired root " + key_text(key));
    retired.emplace_back(key_text(key));
  }
  app.out().result("The older root is retired: nobody stands under it any more. What was signed under it before stays good.",
                   boost::json::object{{"retired", std::move(retired)}, {"root_word", directory.root_word()->serial()}});
  app.out().hint("Machines that still pin it in ca_file go on; if its key was stolen, give them the new ca.pem, and make bundles anew.");
  return Exit::done;
}

}  // namespace farkeep::server
