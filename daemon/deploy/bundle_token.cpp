#include "bundle_token.hpp"

#include <algorithm>
#include <boost/json.hpp>

#include "base/hex.hpp"
#include "config/instant.hpp"
#include "config/secret_line.hpp"
#include "platform/atomic_file.hpp"
#include "platform/command.hpp"
#include "platform/file_access.hpp"
#include "wire/token_text.hpp"

namespace farkeep::deploy {
namespace {

constexpr std::size_t kMaxPrinted = 4096;
constexpr std::chrono::minutes kTokenTime{1};  // a login on the server's machine, and a word with it

void replace_all(std::string& text, std::string_view what, const std::string& with) {
  for (std::size_t at = 0; (at = text.find(what, at)) != text.npos; at += with.size()) text.replace(at, what.size(), with);
}

BundleToken from_json(std::string_view line) {
  boost::system::error_code error;
  auto const value = boost::json::parse({line.data(), line.size()}, error);
  BundleToken out;
  auto const* object = error ? nullptr : value.if_object();
  if (object == nullptr) return out;
  auto const text_of = [&](const char* key) {
    auto const* found = object->if_contains(key);
    auto const* text = found ? found->if_string() : nullptr;
    return text ? std::string_view{text->data(), text->size()} : std::string_view{};
  };
  out.text = SecretText{text_of("token")};
  if (auto const expires = parse_instant(text_of("expires"))) out.expires = *expires;
  if (auto const* uses = object->if_contains("uses"); uses && uses->is_number()) {
    boost::system::error_code inexact;
    auto const number = uses->to_number<std::uint32_t>(inexact);
    if (!inexact) out.uses = number;
  }
  return out;
}

}  // namespace

BundleToken parse_token(std::string_view printed) {
  std::string_view const line = secret_line(printed);
  BundleToken out;
  if (line.starts_with('{'))
    out = from_json(line);
  else
    out.text = SecretText{line};
  auto const token = wire::parse_token_text(out.text.text());
  if (!token)
    throw failure(Errc::bad_token, "reading the token: its first line is not what farkeep-server token create prints (letters and digits 2 to 7)");
  return out;
}

std::string token_command(const std::string& command, std::uint64_t uses, std::chrono::seconds expires, const std::string& bundle) {
  std::string out = command;
  replace_all(out, "{uses}", std::to_string(uses));
  replace_all(out, "{expires}", std::to_string(expires.count()) + "s");
  replace_all(out, "{bundle}", bundle);
  return out;
}

std::optional<BundleToken> token_for(const ProfileConfig& profile, const std::optional<std::string>& file, const std::string& bundle, bool is_host,
                                     WallTime now) {
  std::uint64_t const wanted = is_host ? 1 : profile.token_uses;
  bool const by_command = !file && profile.token.kind == SecretSource::Kind::command;
  std::optional<Buffer> printed;
  std::string doing = "reading the token of bundle " + bundle;
  if (by_command) {
    printed = command_output(token_command(profile.token.text, wanted, profile.token_expires, bundle), {kMaxPrinted, kTokenTime});
  } else if (file || profile.token.kind == SecretSource::Kind::file) {
    std::string const from = file.value_or(profile.token.text);
    doing += " from " + from;
    warn_if_others_know(from, "the token of bundle " + bundle + " from " + from);
    printed = read_file(system_disk(), from, kMaxPrinted);
    if (!printed) throw failure(Errc::configuration, doing + ": there is no such file (farkeep-server token create prints one)");
  } else {
    return std::nullopt;
  }
  BundleToken out = parse_token(as_text(*printed));
  wipe(*printed);
  auto const asked_for = [&](std::string_view what) { return by_command && profile.token.text.find(what) != std::string::npos; };
  if (!out.uses && asked_for("{uses}")) out.uses = wanted;
  if (!out.expires && asked_for("{expires}")) out.expires = now + profile.token_expires;
  if (out.expires && *out.expires <= now) throw failure(Errc::bad_token, doing + ": it expired at " + rfc3339(*out.expires) + "; make a new one");
  if (out.uses && *out.uses < wanted)
    throw failure(Errc::bad_token, doing + ": it is for " + std::to_string(*out.uses) + " machines, and the bundle for " + std::to_string(wanted) +
                                       " ([token] uses); make one with --uses " + std::to_string(wanted));
  return out;
}

}  // namespace farkeep::deploy
