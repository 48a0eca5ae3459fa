#include "agent/secrets.hpp"

#include <algorithm>
#include <chrono>

#include "base/error.hpp"
#include "config/secret_line.hpp"
#include "platform/atomic_file.hpp"
#include "platform/command.hpp"
#include "platform/file_access.hpp"

namespace farkeep {
namespace {

constexpr std::size_t kMaxSecret = 4096;
// Password managers and hardware tokens take seconds.  farkeepd waits for it before it says that it is ready, so it must be over well
// before the service manager gives up (90 s), and while it does nothing else, before the watchdog does (2 min).
constexpr std::chrono::seconds kSecretTime{30};

SecretText secret_in(Buffer& bytes, SecretLines lines) {
  std::string_view text = as_text(bytes);
  if (lines == SecretLines::first) text = secret_line(text);
  if (lines == SecretLines::as_before) text = secret_line_before(text);
  SecretText out(text);
  wipe(bytes);
  return out;
}

}  // namespace

SecretText read_secret_file(const std::string& path, SecretLines lines) {
  warn_if_others_know(path, "the secret in " + path);
  auto bytes = read_file(system_disk(), path, kMaxSecret);
  if (!bytes) throw failure(Errc::configuration, "reading the secret in " + path + ": there is no such file");
  SecretText secret = secret_in(*bytes, lines);
  if (secret.empty() && lines != SecretLines::as_before) throw failure(Errc::configuration, "reading the secret in " + path + ": nothing is in it");
  return secret;
}

SecretText read_secret(const SecretSource& source, const std::string& what) {
  switch (source.kind) {
    case SecretSource::Kind::literal: return SecretText(source.text);
    case SecretSource::Kind::file: return read_secret_file(source.text);
    case SecretSource::Kind::command: {
      Buffer output = command_output(source.text, {kMaxSecret, kSecretTime});
      return secret_in(output, SecretLines::first);
    }
    case SecretSource::Kind::none: break;
  }
  throw failure(Errc::configuration, "reading the " + what + ": the configuration has none (token, token_file or token_command in [registration], or --token-file)");
}

SecretText proxy_password(const ConnectionConfig& connection) {
  const ProxyConfig* proxy = connection.proxy();
  if (!proxy || proxy->password.kind == SecretSource::Kind::none) return {};
  const std::string what = "password for the proxy " + proxy->proxy.to_string();
  SecretText password = read_secret(proxy->password, what);
  if (password.empty() || password.text().size() > 255) throw failure(Errc::configuration, "reading the " + what + ": it must be 1 to 255 bytes long");
  return password;
}

}  // namespace farkeep
