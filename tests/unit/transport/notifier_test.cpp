// How a notice reaches people, and what becomes of one that does not.
#include "transport/notifier.hpp"

#include <catch2/catch.hpp>

#include "async/scope.hpp"
#include "sim/sim_children.hpp"
#include "sim/sim_timers.hpp"

using namespace farkeep;
using namespace std::chrono_literals;
using Catch::Contains;
using Event = Notice::Event;

namespace {

// Somebody who listens, after having refused some calls.
struct Listener final : Web {
  task<void> call(WebCall call) override {
    if (refuses > 0) {
      --refuses;
      throw failure(Errc::unreachable, "calling");
    }
    calls.push_back(std::move(call));
    if (called) called();
    co_return;
  }
  int refuses = 0;
  std::function<void()> called;
  std::vector<WebCall> calls;
};

struct Delivery {
  explicit Delivery(NotifyConfig c) : config(std::move(c)), notifier(config, "web1", commands, web, timers) {}
  // Until nothing more happens.
  void run() {
    asio::io_context io;
    auto all = [&]() -> task<void> {
      Scope scope(co_await asio::this_coro::executor);
      auto stop = [](Scope& s, Timers& t) -> task<void> {
        co_await t.sleep(1h);
        s.cancel();
      };
      scope.spawn(notifier.run(), "notifier");
      scope.spawn(stop(scope, timers), "stop");
      co_await scope.join();
    };
    sim::run(io, timers, all());
  }
  NotifyConfig config;
  sim::SimTimers timers;
  sim::SimChildren commands;
  Listener web;
  Notifier notifier;
};

}  // namespace

TEST_CASE("notifier: the mail about what is no job's is about this machine") {
  NotifyConfig config;
  config.mails = {"a@example.org"};
  config.sendmail = "/usr/sbin/sendmail";
  Delivery d(config);
  d.notifier.tell({Event::failed, "", "ALARM: it was set back", true, ""});
  d.run();
  REQUIRE(d.commands.orders.size() == 1);
  CHECK_THAT(d.commands.orders[0].input, Contains("\nSubject: [farkeep] web1: this machine failed\n"));
}

TEST_CASE("notifier: webhooks, mail and commands get the notice; a ping goes to its address alone") {
  NotifyConfig config;
  config.webhooks = {"https://chat.example/h"};
  config.mails = {"a@example.org", "b@example.org"};
  config.sendmail = "/usr/sbin/sendmail";
  config.commands = {"page"};
  config.proxy = "http://proxy:3128";
  Delivery d(config);
  d.notifier.tell({Event::failed, "main", "job main failed: \"no route\"", true, ""});
  d.notifier.tell({Event::done, "main", "done", false, "https://hc.example/u"});
  d.run();
  REQUIRE(d.web.calls.size() == 2);
  CHECK(d.web.calls[0].body == R"({"text":"web1: job main failed: \"no route\"","event":"failed","job":"main","machine":"web1"})");
  CHECK(d.web.calls[0].type == "application/json");
  CHECK(d.web.calls[0].proxy == "http://proxy:3128");
  CHECK(d.web.calls[1].url == "https://hc.example/u");
  REQUIRE(d.commands.orders.size() == 2);
  CHECK(d.commands.orders[0].command == "'/usr/sbin/sendmail' -t -i");
  CHECK_THAT(d.commands.orders[0].input, Catch::StartsWith("To: a@example.org, b@example.org\nSubject: [farkeep] web1: job main failed\n") && Contains("\n\nweb1: job main failed: \"no route\"\n"));
  CHECK(d.commands.orders[1].environment == std::vector<std::string>{"FARKEEP_EVENT=failed", "FARKEEP_JOB=main", "FARKEEP_MACHINE=web1", "FARKEEP_TEXT=job main failed: \"no route\""});
}

TEST_CASE("notifier: what cannot be delivered is tried three times, and does not keep the next one") {
  NotifyConfig config;
  config.webhooks = {"https://chat.example/h"};
  Delivery d(config);
  d.web.refuses = 2;
  d.notifier.tell({Event::failed, "main", "first", true, ""});
  d.run();
  CHECK(d.web.calls.size() == 1);
  d.web.refuses = 3;
  d.notifier.tell({Event::failed, "main", "lost", true, ""});
  d.notifier.tell({Event::failed, "main", "second", true, ""});
  d.run();
  REQUIRE(d.web.calls.size() == 2);
  CHECK_THAT(d.web.calls[1].body, Contains("second"));
}

TEST_CASE("notifier: more notices than it keeps are dropped, not piled up") {
  Delivery d(NotifyConfig{});
  d.config.commands = {"page"};
  for (std::size_t i = 0; i < Notifier::kMostWaiting + 20; ++i) d.notifier.tell({Event::failed, "main", "x", true, ""});
  d.run();
  CHECK(d.commands.orders.size() == Notifier::kMostWaiting);
}

TEST_CASE("notifier: what a server tells names the agents, in each way of telling") {
  NotifyConfig config;
  config.webhooks = {"https://chat.example/h"};
  config.mails = {"a@example.org"};
  config.commands = {"page"};
  Delivery d(config);
  d.notifier.tell({Event::overdue, "", "jobs are overdue", true, "", {"web7", "web8"}});
  d.notifier.tell({Event::recovered, "main", "job main of agent web7 is well again", true, "", {"web7"}});
  d.run();
  REQUIRE(d.web.calls.size() == 2);
  CHECK(d.web.calls[0].body == R"({"text":"web1: jobs are overdue","event":"overdue","job":"","machine":"web1","agents":["web7","web8"]})");
  REQUIRE(d.commands.orders.size() == 4);
  CHECK_THAT(d.commands.orders[0].input, Contains("Subject: [farkeep] web1: several agents overdue\n"));
  CHECK(d.commands.orders[1].environment.back() == "FARKEEP_AGENTS=web7, web8");
  CHECK_THAT(d.commands.orders[2].input, Contains("Subject: [farkeep] web1: agent web7 recovered\n"));
}

TEST_CASE("notifier: names and texts of others break no mail header, and steer no terminal") {
  NotifyConfig config;
  config.webhooks = {"https://chat.example/h"};
  config.mails = {"a@example.org"};
  config.commands = {"page"};
  Delivery d(config);
  d.notifier.tell({Event::overdue, "", "a\x1b[2J\xff" + std::string(9000, '\x9b'), true, "", {"web7\nBcc: x@example.net\n\nspam\xc2\x9b"}});
  d.run();
  REQUIRE(d.commands.orders.size() == 2);
  const std::string& mail = d.commands.orders[0].input;
  CHECK_THAT(mail, Contains("Subject: [farkeep] web1: agent web7\\x0aBcc: x@example.net\\x0a\\x0aspam\\xc2\\x9b overdue\nAuto-Submitted"));
  CHECK_THAT(mail, Contains("\n\nweb1: a\\x1b[2J\\xff\\x9b"));
  CHECK(mail.size() < 9000);
  for (const std::string& e : d.commands.orders[1].environment) CHECK(e.find_first_of("\x1b\x9b\xff") == e.npos);
  REQUIRE(d.web.calls.size() == 1);
  CHECK(d.web.calls[0].body.find_first_of("\x1b\x9b\xff") == std::string::npos);
}

TEST_CASE("notifier: a notice goes to those who are named when its turn comes, also when others are named while it is on its way") {
  NotifyConfig config;
  config.webhooks = {"https://chat.example/1", "https://chat.example/2"};
  Delivery d(config);
  d.web.called = [&] {
    d.config.webhooks.clear();
    d.config.commands = {"page"};
  };
  d.notifier.tell({Event::failed, "main", "first", true, ""});
  d.notifier.tell({Event::failed, "main", "second", true, ""});
  d.run();
  CHECK(d.web.calls.size() == 2);
  REQUIRE(d.commands.orders.size() == 1);
  CHECK(d.commands.orders[0].environment.back() == "FARKEEP_TEXT=second");
}
