#include "authority_act.hpp"
#include "base/hex.hpp"
#include "platform/atomic_file.hpp"

// The keys that this data centre stands on: shown, replaced, revoked, taken offline.
namespace farkeep::server {
namespace {

// One that an earlier try revoked already, before it was cut off, is no error.
void revoke_key(App& app, const Identity& identity, const VerifyKey& key) {
  AddressDirectory directory{app.registry(), identity, app.clock()};
  wire::pb::Revoked what;
  what.set_key(to_string(key.view()));
  try {
    directory.revoke(*identity.root_authority(), std::move(what));
  } catch (const failure& f) {
    if (classify(f.code()) != Errc::exists) throw;
  }
}

}  // namespace

Exit authority_show(App& app, const po::variables_map&, const Operands& operands) {
  no_operands(operands);
  auto const& identity = app.identity();
  AddressDirectory directory{app.registry(), identity, app.clock()};
  auto const word = directory.root_word();
  auto const until = [](const Certificate& c) { return rfc3339(c.not_after()); };
  bool const root_here = identity.acting_root() != nullptr;
  auto const& root = identity.newest_root();
  boost::json::object o;
  o["server"] = identity.id().hex();
  o["root"] = root.fingerprint().hex();
  o["root_until"] = until(root);
  o["root_key_here"] = root_here;
  o["issuing_key"] = key_text(identity.issuing().certificate());
  o["issuing_until"] = until(identity.issuing().certificate());
  o["server_key"] = key_text(identity.chain()[0]);
  o["server_until"] = until(identity.chain()[0]);
  o["root_word"] = word ? word->serial() : 0;
  Table table{{"REVOKED", "WHAT", "SINCE"}};
  boost::json::array revoked;
  if (word) {
    for (auto const& one : word->content.revoked()) {
      bool const server = !one.server_id().empty();
      auto const text = hex(as_bytes(server ? one.server_id() : one.key()));
      table.add({text, server ? "server" : "key", time_text(one.since_ns())});
      revoked.push_back(boost::json::object{{server ? "server" : "key", text}, {"since", time_text(one.since_ns())}});
    }
  }
  o["revoked"] = std::move(revoked);
  std::string text = "Root         SHA-256 " + root.fingerprint().hex() + ", until " + until(root) +
                     (root_here ? "\nIts key      is on this server: `authority export-root --remove` takes it offline" : "\nIts key      is not on this server") +
                     "\nIssuing key  " + key_text(identity.issuing().certificate()) + ", until " + until(identity.issuing().certificate()) + "\nServer key   " +
                     key_text(identity.chain()[0]) + ", until " + until(identity.chain()[0]) + ", renewed by itself\nRoot's word  " +
                     (word ? std::to_string(word->serial()) + ", of " + time_text(word->content.time_ns()) : std::string{"none yet"});
  if (!table.empty()) text += "\n" + table.text();
  auto roots = show_roots(app, identity, word);
  if (!roots.text.empty()) text += "\n" + roots.text;
  for (auto const& one : roots.json) o[one.key()] = one.value();
  boost::json::array cut_off;
  for (auto const& verb : Replacing::cut_off(app.disk(), app.data())) {
    text += (text.ends_with('\n') ? "" : "\n") + std::string{"To do        "} + verb + " was cut off before the old key was revoked: give it again";
    cut_off.emplace_back(verb);
  }
  if (!cut_off.empty()) o["cut_off"] = std::move(cut_off);
  app.out().result(text, o);
  return Exit::done;
}

void authority_renew_options(po::options_description& d) {
  root_option(d);
  d.add_options()("revoke-old", "and takes the old key back: it was stolen, or may have been; takes the root's key");
}

Exit authority_renew_server(App& app, const po::variables_map& values, const Operands& operands) {
  no_operands(operands);
  auto identity = begin_act(app, values);
  std::string const doing = "renewing the server's key";
  believe_clock(app, doing);
  bool const revoke = values.count("revoke-old") > 0;
  if (revoke) root_of(identity, doing);
  Replacing replacing{app, "server", identity.key().public_key(), revoke, doing};
  auto const& old = replacing.old();
  if (!replacing.has_successor()) identity.renew_server_key(app.disk(), app.data(), app.clock().wall(), app.random());
  if (revoke) revoke_key(app, identity, old);
  replacing.done();
  audit(app, "server key " + key_text(old) + " replaced by " + key_text(identity.key().public_key()) + (revoke ? ", and revoked" : ""));
  app.out().result("The server has a new key, " + key_text(identity.key().public_key()) + "; the running server takes it within seconds." + (revoke ? " The old one, " + key_text(old) + ", is revoked." : ""),
                   boost::json::object{{"server_key", key_text(identity.key().public_key())}, {"old_key", key_text(old)}, {"revoked", revoke}});
  return Exit::done;
}

Exit authority_renew_issuing(App& app, const po::variables_map& values, const Operands& operands) {
  no_operands(operands);
  auto identity = begin_act(app, values);
  std::string const doing = "renewing the issuing key";
  believe_clock(app, doing);
  root_of(identity, doing);
  bool const revoke = values.count("revoke-old") > 0;
  Replacing replacing{app, "issuing", identity.issuing().key().public_key(), revoke, doing};
  auto const& old = replacing.old();
  if (!replacing.has_successor()) identity.renew_issuing_key(app.disk(), app.data(), app.clock().wall(), app.random());
  else write_file_atomically(app.disk(), Identity::root_path(app.data()), as_bytes(identity.root().pem()));  // the last that it does
  if (revoke) revoke_key(app, identity, old);
  replacing.done();
  audit(app, "issuing key " + key_text(old) + " replaced by " + key_text(identity.issuing().key().public_key()) + (revoke ? ", and revoked" : ""));
  app.out().result("The server has a new issuing key, " + key_text(identity.issuing().key().public_key()) + "; the running server takes it within seconds." +
                       (revoke ? " The old one, " + key_text(old) + ", is revoked; agents that it certified before keep their certificates." : " What the old one certified stays good."),
                   boost::json::object{{"issuing_key", key_text(identity.issuing().key().public_key())}, {"old_key", key_text(old)}, {"revoked", revoke}});
  return Exit::done;
}

void authority_revoke_options(po::options_description& d) {
  root_option(d);
  d.add_options()("server", po::value<std::string>()->value_name("ID"), "a server that is lost or stolen: its whole id")("key", po::value<std::string>()->value_name("KEY"),
                                                                                                                  "a server's, an issuing or an older root's key, as `authority show` prints it");
}

Exit authority_revoke(App& app, const po::variables_map& values, const Operands& operands) {
  no_operands(operands);
  std::string const doing = "revoking";
  auto const server = text_of(values, "server"), key = text_of(values, "key");
  if (server.has_value() == key.has_value()) throw failure(Errc::usage, doing + ": either --server ID or --key KEY");
  wire::pb::Revoked what;
  if (server) {
    auto const id = ServerId::from_hex(*server);
    if (!id) throw failure(Errc::usage, doing + ": --server " + *server + " is no server's id, 32 digits");
    what.set_server_id(to_string(id->view()));
  } else {
    auto const raw = unhex(*key);
    if (!raw || !VerifyKey::from(*raw)) throw failure(Errc::usage, doing + ": --key " + *key + " is no key, 64 digits");
    what.set_key(to_string(*raw));
  }
  auto const identity = begin_act(app, values);
  believe_clock(app, doing);
  auto const& root = root_of(identity, doing);
  auto const itself = [&](const VerifyKey& k) { return what.key() == as_text(k.view()); };
  if (what.server_id() == as_text(identity.id().view()) || itself(identity.key().public_key()) || itself(identity.issuing().key().public_key()))
    throw failure(Errc::usage, doing + ": that is this server itself; give the order on its partner, or renew the key with --revoke-old");
  if (auto const of = key ? VerifyKey::from(as_bytes(what.key())) : std::nullopt; of && identity.roots().with_key(*of) != nullptr) {
    if (*of == root.key().public_key()) throw failure(Errc::usage, doing + ": that is the newest root; `farkeep-server authority roll-root --file FILE` first makes one that follows it");
    require_unused(app, identity, {*of}, doing);
  }
  AddressDirectory directory{app.registry(), identity, app.clock()};
  directory.revoke(root, what);
  audit(app, "revoked " + (server ? "server " + *server : "key " + *key));
  app.out().result("Revoked. This server refuses it within seconds; the partner and agents when they next connect.",
                   boost::json::object{{server ? "server" : "key", server ? *server : *key}, {"root_word", directory.root_word()->serial()}});
  return Exit::done;
}

void authority_export_options(po::options_description& d) {
  d.add_options()("file", po::value<std::string>()->value_name("FILE"), "where the encrypted key goes: keep it in a safe, off all machines; two copies")(
      "passphrase-file", po::value<std::string>()->value_name("FILE"), "first line of this file encrypts it, instead of asking")(
      "remove", "and removes the key from this server, after the file was read back");
}

Exit authority_export_root(App& app, const po::variables_map& values, const Operands& operands) {
  no_operands(operands);
  auto const file = text_of(values, "file");
  std::string const doing = "exporting the root's key";
  if (!file) throw failure(Errc::usage, doing + ": --file FILE is needed");
  auto const passphrase = new_passphrase(app, values, "passphrase-file");
  auto const before = root_key_written_before(app, *file, passphrase, doing);
  // Before the folder's owner is become: the file may lie where only root writes.
  auto identity = Identity::load(app.disk(), app.data());
  app.hear_root_word(identity);
  bool const remove = values.count("remove") > 0;
  auto const newest = identity.newest_root().public_key();
  // A try that was cut off behind the file has perhaps taken the key from its place already.
  bool const removed = remove && before && !identity.root_authority() && newest && before->public_key() == *newest;
  if (!removed) {
    auto const& root = root_of(identity, doing);
    if (before && before->public_key() != root.key().public_key())
      throw failure(Errc::exists, doing + ": " + *file + " is there already with another key, and is not replaced");
    if (!before) write_root_key(app, *file, root.key(), passphrase, doing);
  }
  app.identity();
  if (remove) Identity::remove_root(app.disk(), app.data());
  audit(app, "the root's key was exported to " + *file + (remove ? " and removed from this server" : ""));
  app.out().result("The root's key is in " + *file + ", encrypted." + (remove ? " It is no longer on this server, which goes on without it." : ""),
                   boost::json::object{{"file", *file}, {"removed", remove}});
  if (remove) app.out().hint("Needed again for: a server that joins, a new issuing key, a revocation.  Then: --root-key FILE, or `authority import-root`.");
  return Exit::done;
}

void authority_import_options(po::options_description& d) {
  d.add_options()("passphrase-file", po::value<std::string>()->value_name("FILE"), "first line of this file opens it, instead of asking");
}

Exit authority_import_root(App& app, const po::variables_map& values, const Operands& operands) {
  if (operands.size() != 1) throw failure(Errc::usage, "importing the root's key: one file, as `authority export-root` wrote it");
  auto key = root_key_in(app, operands[0], values);
  app.identity();
  auto identity = Identity::load(app.disk(), app.data());
  app.hear_root_word(identity);
  identity.bring_root(std::move(key));
  root_of(identity, "importing the root's key");
  Identity::remove_root(app.disk(), app.data());  // an older one's, which is good for nothing but a thief
  identity.save_root(app.disk(), app.data());
  audit(app, "the root's key was brought back to this server");
  app.out().result("The root's key is on this server again; take it away with `authority export-root --remove` when you are done.", boost::json::object{{"root_key_here", true}});
  return Exit::done;
}

void directory_set_aside_options(po::options_description& d) {
  d.add_options()("reason", po::value<std::string>()->value_name("TEXT"), "why: it is kept in audit.log");
}

Exit directory_set_aside(App& app, const po::variables_map& values, const Operands& operands) {
  no_operands(operands);
  auto const reason = text_of(values, "reason");
  if (!reason) throw failure(Errc::usage, "setting the address directory aside: --reason TEXT is needed");
  AddressDirectory directory{app.registry(), app.identity(), app.clock()};
  auto const stored = app.registry().directory();
  if (stored.empty()) throw failure(Errc::not_found, "setting the address directory aside: there is none; the primary makes one when it is asked, the alternate takes its partner's");
  // Kept before it goes.
  auto const serial = AddressDirectory::serial_of(stored);
  auto const kept = app.data() + "/registry/directory.aside-" + std::to_string(serial);
  write_file_atomically(app.disk(), kept, as_bytes(stored));
  directory.set_aside();
  audit(app, "address directory " + std::to_string(serial) + " was set aside: " + *reason);
  bool const primary = directory.is_primary();
  app.out().result("Address directory " + std::to_string(serial) + " is set aside; it lies in " + kept + "." +
                       (primary ? " A new one is signed." : " The partner's is taken with the next mirroring."),
                   boost::json::object{{"serial", serial}, {"kept", kept}, {"primary", primary}});
  app.out().hint("Agents that took it keep it until the root's word, which goes with the new one, says otherwise.");
  return Exit::done;
}

}  // namespace farkeep::server
