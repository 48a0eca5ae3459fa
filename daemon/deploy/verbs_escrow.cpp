#include "agent/secrets.hpp"
#include "base/hex.hpp"
#include "command.hpp"
#include "crypto/x25519.hpp"
#include "platform/atomic_file.hpp"
#include "platform/process.hpp"

// escrow create: the one secret that opens everything, made once and kept away from all machines.
namespace farkeep::deploy {
namespace {

SecretText ask_twice() {
  Buffer first = read_passphrase("Passphrase for the escrow key: ");
  Buffer second = read_passphrase("Once more: ");
  SecretText text{as_text(first)};
  bool const same = first == second;
  wipe(first);
  wipe(second);
  if (!same) throw failure(Errc::usage, "making the escrow key: the two passphrases differ; nothing was written");
  return text;
}

std::string wanted(const po::variables_map& values, const char* name) {
  if (auto text = text_of(values, name)) return *text;
  throw failure(Errc::usage, std::string{"making the escrow key: --"} + name + " FILE is needed");
}

}  // namespace

void escrow_create_options(po::options_description& d) {
  d.add_options()("private-key-file", po::value<std::string>()->value_name("FILE"),
                  "where the private key goes: keep it in a safe, off all machines")("public-key-file", po::value<std::string>()->value_name("FILE"),
                                                                                     "where the public key goes: [escrow] of the profile names it")(
      "passphrase-file", po::value<std::string>()->value_name("FILE"), "first line of this file encrypts the private key, instead of asking")(
      "no-passphrase", "leaves the private key unencrypted");
}

Exit escrow_create(App& app, const po::variables_map& values, const Operands& operands) {
  if (!operands.empty()) throw failure(Errc::usage, "escrow create takes options only (farkeep-deploy escrow create --help)");
  std::string const private_file = wanted(values, "private-key-file"), public_file = wanted(values, "public-key-file");
  bool const plain = values.count("no-passphrase") > 0;
  if (plain && values.count("passphrase-file")) throw failure(Errc::usage, "making the escrow key: either --passphrase-file or --no-passphrase");
  // An older key may be the only way to some machine's backups.
  for (auto const& file : {private_file, public_file})
    if (app.disk().exists(file)) throw failure(Errc::exists, "making the escrow key: " + file + " is there already, and is not replaced");
  SecretText passphrase;
  if (!plain) passphrase = values.count("passphrase-file") ? read_secret_file(values["passphrase-file"].as<std::string>()) : ask_twice();
  if (!plain && passphrase.empty()) throw failure(Errc::usage, "making the escrow key: an empty passphrase protects nothing; nothing was written");

  auto const key = X25519PrivateKey::generate(app.random());
  SecretText const pem = plain ? key.to_pem() : key.to_pem(passphrase);
  write_file_atomically(app.disk(), private_file, pem.view());
  write_file_atomically(app.disk(), public_file, as_bytes(key.public_key().to_pem()));
  std::string const id = hex(key.public_key().view().first(4));
  app.result("escrow key " + id + ": private " + private_file + (plain ? " (NOT encrypted)" : "") + ", public " + public_file,
             {{"message_type", "escrow"}, {"key", id}, {"private_key_file", private_file}, {"public_key_file", public_file}, {"encrypted", !plain}});
  app.hint("Whoever has the private key" + std::string{plain ? "" : " and its passphrase"} +
           " can read every machine's backups; without it, escrow recovers nothing.  Keep two copies, offline.");
  return Exit::done;
}

}  // namespace farkeep::deploy
