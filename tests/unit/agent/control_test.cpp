// The socket between the command and the daemon.
#include "agent/control.hpp"

#include <unistd.h>

#include <catch2/catch.hpp>
#include <filesystem>

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
