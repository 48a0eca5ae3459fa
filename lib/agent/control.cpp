#include "agent/control.hpp"

#include <algorithm>

#include "async/fence.hpp"
#include "async/race.hpp"
#include "base/error.hpp"
#include "base/log.hpp"
#include "base/rare_line.hpp"

namespace farkeep {
namespace {

using namespace std::chrono_literals;
constexpr std::size_t kMaxQuestion = 256;
constexpr std::size_t kMaxAnswer = 64 * 1024;
constexpr std::size_t kPlaces = 16;  // one administrator and a few scripts ask at once
constexpr auto kAskWithin = 5s;
constexpr auto kAnswerWithin = 60s;
constexpr auto kPause = 1s;  // when descriptors have run out

// Up to the line's end, or to the stream's.
task<std::string> read_text(Stream& stream, std::size_t most, bool to_line_end) {
  std::string out;
  Buffer piece(4096);
  for (;;) {
    const std::size_t n = co_await stream.read_some(MutableByteView{piece});
    out += as_text(ByteView{piece}.first(n));
    const std::size_t end = to_line_end ? out.find('\n') : out.npos;
    if (end != out.npos) co_return out.substr(0, end);
    if (n == 0) co_return out;
    if (out.size() > most) throw failure(Errc::too_large, "reading from the control socket");
  }
}

}  // namespace

std::filesystem::path control_path(const std::string& state_folder) { return std::filesystem::path(state_folder) / "control"; }

ControlServer::ControlServer(Executor executor, Timers& timers, const std::string& state_folder, Answer answer)
    : timers_(timers), listener_(std::move(executor), control_path(state_folder)), answer_(std::move(answer)) {}

// Lives as long as its talk, wherever the list stands: whoever closes the stream of another's talk never meets one that is gone.
struct ControlServer::Client {
  std::unique_ptr<Stream> stream;
  bool asked = false;
};

task<void> ControlServer::run() {
  Scope scope(co_await asio::this_coro::executor);
  scope.spawn(accept_all(scope), "the control socket");
  co_await scope.join();
}

// Full of clients that are being answered, it hangs up on the new one.  One that cannot be accepted is no reason for the daemon to end.
task<void> ControlServer::accept_all(Scope& scope) {
  RareLine trouble{LogLevel::warning};
  for (;;) {
    const std::string problem = co_await problem_of(accept_one(scope));
    if (problem.empty()) continue;
    trouble.say(timers_.now(), problem + "; it is tried again in a second");
    co_await timers_.sleep(kPause);
  }
}

task<void> ControlServer::accept_one(Scope& scope) {
  auto client = std::make_shared<Client>();
  client->stream = co_await listener_.accept();
  if (!make_place()) {
    client->stream->close();
    co_return;
  }
  scope.spawn(serve(client), "a client of the control socket");
  clients_.push_back(std::move(client));
}

bool ControlServer::make_place() {
  if (clients_.size() < kPlaces) return true;
  const auto silent = std::find_if(clients_.begin(), clients_.end(), [](const auto& c) { return !c->asked; });
  if (silent == clients_.end()) return false;
  (*silent)->stream->close();
  clients_.erase(silent);
  return true;
}

// The fence of one client: nothing leaves it, not even what goes wrong while all of them end.
task<void> ControlServer::serve(std::shared_ptr<Client> client) {
  try {
    co_await talk(*client);
  } catch (const std::exception& e) {
    log_debug("the control socket: {}", e.what());
  }
  client->stream->close();
  clients_.remove(client);
}

task<void> ControlServer::talk(Client& client) {
  const std::string question = co_await with_timeout(timers_, kAskWithin, read_text(*client.stream, kMaxQuestion, true), "waiting for a question");
  client.asked = true;
  const std::string answer = co_await with_timeout(timers_, kAnswerWithin, answer_(question), "answering " + question);
  co_await with_timeout(timers_, kAskWithin, client.stream->write(as_bytes(answer)), "answering");
}

task<std::optional<std::string>> ask_daemon(Timers& timers, std::string state_folder, std::string question) {
  std::unique_ptr<Stream> stream;
  try {
    stream = co_await dial_local(control_path(state_folder));
  } catch (const failure& f) {
    const Errc code = classify(f.code());
    if (code != Errc::unreachable && code != Errc::not_found) throw;
  }
  if (!stream) co_return std::nullopt;
  question += "\n";
  co_await stream->write(as_bytes(question));
  std::string answer = co_await with_timeout(timers, kAnswerWithin, read_text(*stream, kMaxAnswer, false), "asking the daemon");
  co_return answer;
}

}  // namespace farkeep
