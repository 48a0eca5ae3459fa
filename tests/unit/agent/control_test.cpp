// The socket between the command and the daemon.
#include "agent/control.hpp"

#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <catch2/catch.hpp>
#include <filesystem>

#include "async/waiters.hpp"
#include "base/error.hpp"
#include "unit/transport/real_world.hpp"

using namespace farkeep;
using namespace farkeep::test;
namespace fs = std::filesystem;

namespace {

struct Folder {
  Folder() : path(fs::temp_directory_path() / ("farkeep-control-" + std::to_string(::getpid()))) { fs::create_directories(path); }
  ~Folder() { fs::remove_all(path); }
  fs::path path;
};

#ifndef __SANITIZE_ADDRESS__
// As long as it lives this process gets no descriptor.
struct NoDescriptors {
  NoDescriptors() {
    const int lowest_free = ::dup(0);
    ::close(lowest_free);
    REQUIRE(::getrlimit(RLIMIT_NOFILE, &before) == 0);
    rlimit none = before;
    none.rlim_cur = static_cast<rlim_t>(lowest_free);
    REQUIRE(::setrlimit(RLIMIT_NOFILE, &none) == 0);
  }
  ~NoDescriptors() { ::setrlimit(RLIMIT_NOFILE, &before); }
  NoDescriptors(const NoDescriptors&) = delete;
  NoDescriptors& operator=(const NoDescriptors&) = delete;
  rlimit before{};
};
#endif

// The answer, with a daemon that runs beside the question.
template <class Ask>
void beside(RealWorld& w, ControlServer& server, Ask ask) {
  auto all = [&]() -> task<void> { co_await race(server.run(), ask()); };
  w.run(all());
}

}  // namespace

TEST_CASE("control: a question is answered, one after the other") {
  RealWorld w;
  Folder folder;
  std::vector<std::string> heard;
  ControlServer::Answer answer = [&](std::string question) -> task<std::string> {
    heard.push_back(question);
    co_return "answer to " + question;
  };
  ControlServer server{w.io.get_executor(), w.timers, folder.path.string(), answer};
  auto ask = [&]() -> task<void> {
    for (const char* question : {"reload", "status now"}) {
      const auto got = co_await ask_daemon(w.timers, folder.path.string(), question);
      CHECK(got == "answer to " + std::string{question});
    }
  };
  beside(w, server, ask);
  CHECK(heard == std::vector<std::string>{"reload", "status now"});
}

TEST_CASE("control: an answer that cannot be made ends one talk, and not the daemon") {
  RealWorld w;
  Folder folder;
  ControlServer::Answer answer = [](std::string question) -> task<std::string> {
    if (question == "bad") throw std::runtime_error("no answer to this");
    co_return "ok";
  };
  ControlServer server{w.io.get_executor(), w.timers, folder.path.string(), answer};
  auto ask = [&]() -> task<void> {
    const auto none = co_await ask_daemon(w.timers, folder.path.string(), "bad");
    CHECK(none == "");
    const auto got = co_await ask_daemon(w.timers, folder.path.string(), "reload");
    CHECK(got == "ok");
  };
  beside(w, server, ask);
}

#ifndef __SANITIZE_ADDRESS__  // the sanitizers need descriptors themselves: a build without them runs it
TEST_CASE("control: a process without free descriptors goes on, and answers when it has some again") {
  RealWorld w;
  Folder folder;
  ControlServer::Answer answer = [](std::string) -> task<std::string> { co_return "ok"; };
  ControlServer server{w.io.get_executor(), w.timers, folder.path.string(), answer};
  auto ask = [&]() -> task<void> {
    const int client = ::socket(AF_UNIX, SOCK_STREAM, 0);
    sockaddr_un at{};
    at.sun_family = AF_UNIX;
    control_path(folder.path.string()).string().copy(at.sun_path, sizeof at.sun_path - 1);
    {
      NoDescriptors none;
      CHECK(::connect(client, reinterpret_cast<const sockaddr*>(&at), sizeof at) == 0);
      while (w.timers.pending() == 0) co_await asio::post(w.io, asio::use_awaitable);  // the server waits before it tries again
    }
    w.timers.advance();
    const auto got = co_await ask_daemon(w.timers, folder.path.string(), "reload");
    CHECK(got == "ok");
    ::close(client);
  };
  beside(w, server, ask);
}
#endif

TEST_CASE("control: where no daemon runs there is no answer") {
  RealWorld w;
  Folder folder;
  CHECK_FALSE(w.run(ask_daemon(w.timers, folder.path.string(), "reload")));
}

TEST_CASE("control: whoever asks too much, or hangs up, disturbs nobody") {
  RealWorld w;
  Folder folder;
  ControlServer::Answer answer = [](std::string) -> task<std::string> { co_return "ok"; };
  ControlServer server{w.io.get_executor(), w.timers, folder.path.string(), answer};
  auto ask = [&]() -> task<void> {
    auto rude = co_await dial_local(control_path(folder.path.string()));
    co_await rude->write(as_bytes(std::string(5000, 'x')));
    Buffer some(100);
    std::size_t n = 0;
    try {
      n = co_await rude->read_some(MutableByteView{some});
    } catch (const failure&) {
    }
    CHECK(n == 0);
    auto gone = co_await dial_local(control_path(folder.path.string()));
    gone->close();
    const auto got = co_await ask_daemon(w.timers, folder.path.string(), "reload");
    CHECK(got == "ok");
  };
  beside(w, server, ask);
}

TEST_CASE("control: however many stand there silently, whoever asks is answered before any of them is given up") {
  RealWorld w;
  Folder folder;
  ControlServer::Answer answer = [](std::string) -> task<std::string> { co_return "ok"; };
  ControlServer server{w.io.get_executor(), w.timers, folder.path.string(), answer};
  bool answered = false;
  auto ask = [&]() -> task<void> {
    std::vector<std::unique_ptr<Stream>> silent;
    for (int i = 0; i < 40; ++i) silent.push_back(co_await dial_local(control_path(folder.path.string())));
    const auto got = co_await with_timeout(w.timers, std::chrono::seconds{3}, ask_daemon(w.timers, folder.path.string(), "reload"), "asking beside silent clients");
    answered = got == "ok";
  };
  beside(w, server, ask);
  CHECK(answered);
}

TEST_CASE("control: places that are all being answered in are given to nobody else, and are free again afterwards") {
  RealWorld w;
  Folder folder;
  bool go_on = false;
  int begun = 0, served = 0;
  Waiters news;
  ControlServer::Answer answer = [&](std::string) -> task<std::string> {
    ++begun;
    news.wake_all();
    while (!go_on) co_await news.wait();
    co_return "ok";
  };
  ControlServer server{w.io.get_executor(), w.timers, folder.path.string(), answer};
  auto ask = [&]() -> task<void> {
    std::vector<std::unique_ptr<Stream>> busy;
    const std::string question = "reload\n";
    for (int i = 0; i < 16; ++i) {
      busy.push_back(co_await dial_local(control_path(folder.path.string())));
      co_await busy.back()->write(as_bytes(question));
    }
    while (begun < 16) co_await news.wait();
    auto one_more = co_await dial_local(control_path(folder.path.string()));
    Buffer some(100);
    std::size_t n = 0;
    try {
      n = co_await one_more->read_some(MutableByteView{some});
    } catch (const failure&) {
    }
    CHECK(n == 0);
    go_on = true;
    news.wake_all();
    for (auto& stream : busy) {
      n = co_await stream->read_some(MutableByteView{some});
      served += n == 2;
    }
    const auto got = co_await ask_daemon(w.timers, folder.path.string(), "reload");
    CHECK(got == "ok");
  };
  beside(w, server, ask);
  CHECK(served == 16);
}
