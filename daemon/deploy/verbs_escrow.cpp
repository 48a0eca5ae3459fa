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

constexpr std::size_t kMaxKeyFile = 16 * 1024;

// Of a file that an earlier try wrote before it was ended; nothing: there is none.
std::optional<X25519PrivateKey> key_written_before(App& app, const std::string& file, const SecretText& passphrase) {
  auto bytes = read_file(app.disk(), file, kMaxKeyFile);
  if (!bytes) return std::nullopt;
  bool const encrypted = as_text(*bytes).find("ENCRYPTED PRIVATE KEY") != std::string_view::npos;
  auto key = encrypted == passphrase.empty() ? result<X25519PrivateKey>{Errc::exists} : X25519PrivateKey::from_pem(as_text(*bytes), passphrase);
  wipe(*bytes);
  if (key) return std::move(*key);
  bool const wrong = key.error() == Errc::bad_secret;
  auto const* what = wrong ? ", and this passphrase does not open it" : encrypted ? ", encrypted" : passphrase.empty() ? ", and is no escrow key" : ", and is no encrypted escrow key";
  throw failure(wrong ? Errc::bad_secret : Errc::exists, "making the escrow key: " + file + " is there already" + what + "; it is not replaced: name other files, or give the options with which it was made");
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
  bool const has_private = app.disk().exists(private_file);
  if (app.disk().exists(public_file))
    throw failure(Errc::exists, "making the escrow key: " + public_file + " is there already" +
                                    (has_private ? ", " + private_file + " too: both are kept, and nothing is to be done; name other files for another key"
                                                 : " without its private key " + private_file + ", and is not replaced: name other files, or take it away if nothing was sealed to it"));
  SecretText passphrase;
  if (!plain) passphrase = values.count("passphrase-file") ? read_secret_file(values["passphrase-file"].as<std::string>()) : ask_twice();
  if (!plain && passphrase.empty()) throw failure(Errc::usage, "making the escrow key: an empty passphrase protects nothing; nothing was written");

  // The private key first: to a public key whose private one is nowhere nobody may seal anything.  A try that was ended between the two is ended here.
  auto written = has_private ? key_written_before(app, private_file, passphrase) : std::nullopt;
  bool const is_written = written.has_value();
  auto const key = is_written ? std::move(*written) : X25519PrivateKey::generate(app.random());
  if (!is_written) {
    SecretText const pem = plain ? key.to_pem() : key.to_pem(passphrase);
    write_file_atomically(app.disk(), private_file, pem.view());
  }
  write_file_atomically(app.disk(), public_file, as_bytes(key.public_key().to_pem()));
  std::string const id = hex(key.public_key().view().first(4));
  app.result("escrow key " + id + ": private " + private_file + (plain ? " (NOT encrypted)" : "") + ", public " + public_file,
             {{"message_type", "escrow"}, {"key", id}, {"private_key_file", private_file}, {"public_key_file", public_file}, {"encrypted", !plain}});
  app.hint("Whoever has the private key" + std::string{plain ? "" : " and its passphrase"} +
           " can read every machine's backups; without it, escrow recovers nothing.  Keep two copies, offline.");
  return Exit::done;
}

}  // namespace farkeep::deploy
