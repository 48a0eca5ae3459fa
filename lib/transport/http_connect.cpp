#include "transport/http_connect.hpp"

#include <openssl/evp.h>

#include <algorithm>
#include <charconv>

#include "base/hex.hpp"
#include "transport/first_bytes.hpp"
#include "transport/http_head.hpp"

namespace farkeep {
namespace {

using namespace std::chrono_literals;

constexpr std::size_t kMaxHead = 16 * 1024;
constexpr std::size_t kMaxRefusalBody = 64 * 1024;  // a page for a browser, read only when the same connection goes on
constexpr int kMaxRounds = 5;                       // Negotiate takes two or three
constexpr std::size_t kQuotedHead = 62;
constexpr auto kHeadWait = 200ms;

void append_base64(Buffer& to, ByteView bytes) {
  const std::size_t before = to.size();
  to.resize(before + 4 * ((bytes.size() + 2) / 3) + 1);
  const int n = EVP_EncodeBlock(to.data() + before, bytes.data(), static_cast<int>(bytes.size()));
  to.resize(before + static_cast<std::size_t>(n));
}

bool starts_with_word(std::string_view text, std::string_view word) {
  if (text.size() < word.size() || (text.size() > word.size() && text[word.size()] != ' ' && text[word.size()] != ',')) return false;
  for (std::size_t i = 0; i < word.size(); ++i)
    if ((text[i] | 0x20) != (word[i] | 0x20)) return false;
  return true;
}

class Basic final : public Authenticator {
 public:
  explicit Basic(const ProxyLogin& login) : login_(login) {}
  // Once: a second time the answer would be the same.
  std::optional<SecretText> next(const std::vector<std::string>&) override {
    if (std::exchange(sent_, true)) return std::nullopt;
    Buffer pair;
    pair.reserve(login_.user.size() + 1 + login_.password.view().size());
    append(pair, as_bytes(login_.user));
    append(pair, as_bytes(":"));
    append(pair, login_.password.view());
    Buffer out = to_buffer(as_bytes("Basic "));
    out.reserve(out.size() + 4 * (pair.size() / 3 + 1) + 1);  // at once: growing would leave a copy behind
    append_base64(out, pair);
    wipe(pair);
    SecretText credentials(as_text(out));
    wipe(out);
    return credentials;
  }

 private:
  const ProxyLogin& login_;
  bool sent_ = false;
};

class NoLogin final : public Authenticator {
 public:
  std::optional<SecretText> next(const std::vector<std::string>&) override { return std::nullopt; }
};

// 1. ask  2. the head of the answer  3. a tunnel, a refusal, or the body of a 407 and back to 1
class HttpConnect final : public Handshake {
 public:
  HttpConnect(ProxyPlace place, std::unique_ptr<Authenticator> authenticator, ProxyPatience patience)
      : place_(std::move(place)), authenticator_(std::move(authenticator)), patience_(patience) {}

  Step start() override { return ask(authenticator_->next({})); }

  Step received(ByteView bytes) override {
    if (state_ == State::foreign) {
      append(head_, bytes);
      foreign();
    }
    if (state_ == State::body) return ask(std::exchange(credentials_, std::nullopt));
    const bool first = head_.empty();
    append(head_, bytes);
    if (first && head_.size() >= 2 && as_text(head_).substr(0, 2) != "HT") {
      state_ = State::foreign;
      Step step;
      step.read = kQuotedHead;
      step.within = kHeadWait;
      step.take_what_comes = true;
      return step;
    }
    end_.take(bytes);
    if (end_.certain() > 0) return more();
    return answered();
  }

  [[noreturn]] void broken(Break how, ByteView part) override {
    const bool quiet = how == Break::timed_out;
    append(head_, part);
    if (state_ == State::body) fail(ProxyTrouble::malformed, "it stopped in the middle of a login");
    if (head_.empty()) fail(quiet ? ProxyTrouble::behind_silent : ProxyTrouble::closed_at_once, quiet ? "or it is not an HTTP proxy at all" : "");
    if (!std::string_view("HTTP/1.").starts_with(as_text(head_).substr(0, 7))) foreign();
    // What its first line says holds, whatever became of the rest.
    if (as_text(head_).find('\n') != std::string_view::npos) {
      const auto begun = HttpHead::parse(ByteView{head_}.first(as_text(head_).rfind('\n') + 1));
      if (begun && wants_login(begun->status)) login_fails(*begun);
    }
    fail(ProxyTrouble::malformed, "it answered " + quote() + (quiet ? " and stopped" : " and closed"));
  }

 private:
  enum class State { head, body, foreign };

  Step ask(std::optional<SecretText> credentials) {
    if (++rounds_ > kMaxRounds) fail(ProxyTrouble::malformed, "it asks for a login again and again");
    const std::string to = place_.destination.text();
    const std::string text = "CONNECT " + to + " HTTP/1.1\r\nHost: " + to + "\r\n";
    constexpr std::string_view field = "Proxy-Authorization: ", end = "\r\n";
    head_.clear();
    end_ = HeadEnd{};
    state_ = State::head;
    Step step = more();
    step.write.reserve(text.size() + field.size() + 2 * end.size() + (credentials ? credentials->view().size() : 0));
    append(step.write, as_bytes(text));
    if (credentials) {
      append(step.write, as_bytes(field));
      append(step.write, credentials->view());
      append(step.write, as_bytes(end));
    }
    append(step.write, as_bytes(end));
    return step;
  }

  // The first byte may take as long as the proxy takes to connect.
  Step more() {
    if (head_.size() >= kMaxHead) fail(ProxyTrouble::malformed, "its answer's head is longer than 16 KiB");
    Step step;
    step.read = end_.certain();
    step.within = head_.empty() ? patience_.reply : patience_.greeting;
    return step;
  }

  Step answered() {
    auto parsed = HttpHead::parse(head_);
    if (!parsed) fail(ProxyTrouble::malformed, "it answered " + quote());
    HttpHead head = std::move(*parsed);
    if (head.status / 100 == 2) return {};
    if (head.status / 100 == 1) {  // an interim answer, which has no body: the real one follows
      if (++rounds_ > kMaxRounds) fail(ProxyTrouble::malformed, "it sends one interim answer after the other");
      head_.clear();
      end_ = HeadEnd{};
      return more();
    }
    if (head.status == 407) return login(head);
    if (head.status == 401) login_fails(head);
    refused(head);
  }

  // 401 is for what lies behind a proxy, and some proxies say it of themselves.
  static bool wants_login(int status) { return status == 407 || status == 401; }

  static std::vector<std::string> challenges_in(const HttpHead& head) { return head.all(head.status == 407 ? "proxy-authenticate" : "www-authenticate"); }

  static std::string challenge_in_words(const HttpHead& head) {
    std::string schemes;
    for (const std::string& c : challenges_in(head)) schemes += (schemes.empty() ? "" : ", ") + c.substr(0, c.find(' '));
    return "HTTP " + std::to_string(head.status) + "; it offers " + (schemes.empty() ? "nothing" : schemes);
  }

  [[noreturn]] void login_fails(const HttpHead& head) {
    const std::vector<std::string> challenges = challenges_in(head);
    const bool basic = challenges.empty() || std::any_of(challenges.begin(), challenges.end(), [](const std::string& c) { return starts_with_word(c, "Basic"); });
    if (!basic) fail(ProxyTrouble::login_kind, challenge_in_words(head));
    fail(place_.user.empty() ? ProxyTrouble::login_demanded : ProxyTrouble::login_refused, challenge_in_words(head));
  }

  Step login(const HttpHead& head) {
    const std::string seen = challenge_in_words(head);
    credentials_ = authenticator_->next(challenges_in(head));
    if (!credentials_) login_fails(head);
    std::size_t size = 0;
    const std::vector<std::string> length = head.all("content-length");
    if (length.size() != 1 || !head.all("transfer-encoding").empty()) fail(ProxyTrouble::malformed, seen + ", without saying how long its page is");
    const auto [end, error] = std::from_chars(length[0].data(), length[0].data() + length[0].size(), size);
    if (error != std::errc{} || end != length[0].data() + length[0].size() || size > kMaxRefusalBody) fail(ProxyTrouble::malformed, seen + ", with a page too long");
    if (size == 0) return ask(std::exchange(credentials_, std::nullopt));
    state_ = State::body;
    Step step;
    step.read = size;
    step.within = patience_.greeting;
    return step;
  }

  [[noreturn]] void refused(const HttpHead& head) {
    std::string seen = "HTTP " + std::to_string(head.status) + (head.reason.empty() ? "" : " " + head.reason.substr(0, 100));
    const std::vector<std::string> squid = head.all("x-squid-error");
    if (!squid.empty()) seen += ", " + squid[0].substr(0, 100);
    const auto squid_says = [&](std::string_view error) { return !squid.empty() && squid[0] == error; };
    if (squid_says("ERR_CONNECT_FAIL 111")) fail(ProxyTrouble::behind_refused, seen);
    if (squid_says("ERR_CONNECT_FAIL 110")) fail(ProxyTrouble::behind_silent, seen);
    switch (head.status) {
      case 403: fail(ProxyTrouble::forbidden, seen);
      case 404:
      case 405:
      case 501: fail(ProxyTrouble::no_connect, seen);
      case 408:
      case 504: fail(ProxyTrouble::behind_silent, seen);
      case 502: fail(ProxyTrouble::behind_no_way, seen);
      default: break;
    }
    if (!squid.empty() && squid[0].starts_with("ERR_CONNECT_FAIL")) fail(ProxyTrouble::behind_no_way, seen);
    if (head.status / 100 == 3) fail(ProxyTrouble::other_protocol, seen + ": perhaps a network that wants a login in a browser first");
    fail(ProxyTrouble::general, seen);
  }

  [[noreturn]] void foreign() const {
    const std::optional<std::string> what = not_tls(head_);
    fail(ProxyTrouble::other_protocol, what ? "it is " + *what : "it speaks TLS: " + hex(ByteView{head_}.first(std::min<std::size_t>(head_.size(), 8))));
  }

  // Its first line.
  std::string quote() const {
    std::string out = "\"";
    for (char c : as_text(head_).substr(0, 64)) {
      if (c == '\r' || c == '\n') break;
      out += c < ' ' || c > '~' ? '?' : c;
    }
    return out + "\"";
  }

  [[noreturn]] void fail(ProxyTrouble trouble, const std::string& seen) const { throw proxy_error(trouble, place_, seen); }

  const ProxyPlace place_;
  const std::unique_ptr<Authenticator> authenticator_;
  const ProxyPatience patience_;
  State state_ = State::head;
  Buffer head_;
  HeadEnd end_;
  std::optional<SecretText> credentials_;  // for after the body
  int rounds_ = 0;
};

}  // namespace

std::unique_ptr<Authenticator> basic_authenticator(const ProxyLogin& login) { return std::make_unique<Basic>(login); }
std::unique_ptr<Authenticator> no_authenticator() { return std::make_unique<NoLogin>(); }

std::unique_ptr<Handshake> http_connect(ProxyPlace place, std::unique_ptr<Authenticator> authenticator, ProxyPatience patience) {
  return std::make_unique<HttpConnect>(std::move(place), std::move(authenticator), patience);
}

}  // namespace farkeep
