// How a notice reaches people, and what becomes of one that does not.
#include "transport/notifier.hpp"

#include <catch2/catch.hpp>

#include "async/scope.hpp"
#include "base/build_time.hpp"
#include "platform/atomic_file.hpp"
#include "sim/sim_children.hpp"
#include "sim/sim_disk.hpp"
#include "sim/sim_timers.hpp"

using namespace farkeep;
using namespace std::chrono_literals;
using Catch::Contains;
using Event = Notice::Event;

namespace {

// Somebody who listens, after having refused some calls; who is dead never answers.
struct Listener final : Web {
  explicit Listener(Timers& t) : timers(t) {}
  task<void> call(WebCall call) override {
    ++tries;
    if (call.url.starts_with("https://dead.")) {
      co_await timers.sleep(20s);
      throw failure(Errc::timed_out, "calling");
    }
    if (refuses > 0) {
      --refuses;
      throw failure(why, "calling");
    }
    calls.push_back(std::move(call));
    if (called) called();
  }
  Timers& timers;
  int refuses = 0, tries = 0;
  Errc why = Errc::unreachable;
  std::function<void()> called;
  std::vector<WebCall> calls;
};

struct Delivery {
  explicit Delivery(NotifyConfig c) : config(std::move(c)) { restart(); }
  // The process ends, and another one begins.
  void restart() {
    notifier.reset();
    outbox.emplace(disk, "/state/notices", clock);
    notifier.emplace(config, "web1", commands, web, timers, clock, *outbox);
  }
  void tell(Notice notice) { notifier->tell(std::move(notice)); }
  void run(std::chrono::nanoseconds time = 10h) {
    asio::io_context io;
    auto all = [&]() -> task<void> {
      Scope scope(co_await asio::this_coro::executor);
      auto stop = [](Scope& s, Timers& t, std::chrono::nanoseconds after) -> task<void> {
        co_await t.sleep(after);
        s.cancel();
      };
      scope.spawn(notifier->run(), "notifier");
      scope.spawn(stop(scope, timers, time), "stop");
      co_await scope.join();
    };
    sim::run(io, timers, all());
  }
  std::string texts(const std::string& host = "https://") const {
    std::string out;
    for (auto& call : web.calls)
      if (call.url.starts_with(host)) out += (out.empty() ? "" : " ") + call.body.substr(call.body.find("web1: ") == std::string::npos ? 0 : call.body.find("web1: ") + 6, 3);
    return out;
  }
  NotifyConfig config;
  sim::SimTimers timers;
  sim::SimClock clock{timers};
  sim::SimDisk disk;
  sim::SimChildren commands;
  Listener web{timers};
  std::optional<Outbox> outbox;
  std::optional<Notifier> notifier;
};

NotifyConfig to_webhook(std::string url) {
  NotifyConfig config;
  config.webhooks = {std::move(url)};
  return config;
}

Notice people(std::string text) { return Notice{Event::failed, "main", std::move(text), true}; }
Notice ping(std::string text, std::string url) { return Notice{Event::done, "main", std::move(text), false, std::move(url)}; }

}  // namespace

TEST_CASE("notifier: the mail about what is no job's is about this machine") {
  NotifyConfig config;
  config.mails = {"a@example.org"};
  config.sendmail = "/usr/sbin/sendmail";
  Delivery d(config);
  d.tell({Event::failed, "", "ALARM: it was set back", true, ""});
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
  d.tell({Event::failed, "main", "job main failed: \"no route\"", true, ""});
  d.tell({Event::done, "main", "done", false, "https://hc.example/u"});
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

TEST_CASE("notifier: who is out of reach for hours is told all of it then, in order, and when it was") {
  Delivery d(to_webhook("https://chat.example/h"));
  d.web.refuses = 6;
  d.tell(people("one"));
  d.tell(people("two"));
  d.run(5s);
  CHECK(d.web.calls.empty());
  d.tell(people("six"));
  d.run();
  CHECK(d.texts() == "one two six");
  CHECK_THAT(d.web.calls.at(0).body, Contains("one (this was at 20") && Contains(", and could not be told before)"));
  CHECK(d.outbox->waiting().empty());
  CHECK(d.disk.files().empty());
}

TEST_CASE("notifier: what was not told when the program ended is told by the next one, in order, and nothing twice") {
  NotifyConfig config = to_webhook("https://chat.example/h");
  config.webhooks.push_back("https://dead.example/h");
  Delivery d(config);
  d.tell(people("one"));
  d.tell(people("two"));
  d.run(5s);
  CHECK(d.texts() == "one two");
  d.restart();
  d.tell(people("six"));
  d.config.webhooks.back() = "https://pager.example/h";
  d.run();
  CHECK(d.texts("https://chat.example/") == "one two six");
  CHECK(d.texts("https://pager.example/") == "one two six");
  CHECK(d.disk.files().empty());
}

TEST_CASE("notifier: a notice outlives a power cut") {
  Delivery d(to_webhook("https://dead.example/h"));
  d.tell(people("one"));
  std::mt19937 rng(1);
  d.disk.cut_power();
  d.disk.power_on(sim::Cut::drop_all, rng);
  d.config.webhooks = {"https://chat.example/h"};
  d.restart();
  d.run();
  CHECK(d.texts() == "one");
}

TEST_CASE("notifier: on a full disk each notice is told, once, and one that cannot be told yet waits in memory") {
  Delivery d(to_webhook("https://chat.example/h"));
  d.disk.make_folders("/state/notices");
  d.disk.set_full(true);
  d.tell(people("one"));
  d.run(1min);
  d.web.refuses = 3;
  d.tell(people("two"));
  d.run();
  d.run();
  CHECK(d.texts() == "one two");
}

TEST_CASE("notifier: a dead webhook delays neither a ping nor another webhook") {
  NotifyConfig config = to_webhook("https://dead.example/h");
  config.webhooks.push_back("https://chat.example/h");
  Delivery d(config);
  for (int i = 0; i < 3; ++i) {
    Notice notice = people("one");
    notice.ping = "https://hc.example/" + std::to_string(i);
    d.tell(std::move(notice));
  }
  d.run(1s);
  CHECK(d.web.calls.size() == 6);
}

TEST_CASE("notifier: an address that refuses holds up no other on its host; one that cannot take a notice holds up no other notice") {
  Delivery d(to_webhook("https://chat.example/h"));
  d.web.refuses = 1;
  d.web.why = Errc::protocol;
  d.tell(ping("gone", "https://hc.example/gone"));
  d.tell(ping("here", "https://hc.example/here"));
  d.run(5s);
  REQUIRE(d.web.calls.size() == 1);
  CHECK(d.web.calls[0].url == "https://hc.example/here");
  d.run();
  CHECK(d.web.calls.size() == 2);
  d.web.calls.clear();
  d.web.refuses = 3;
  d.web.why = Errc::malformed;
  d.tell(people("bad"));
  d.tell(people("two"));
  d.run();
  CHECK(d.texts() == "two");
}

TEST_CASE("notifier: tries become rare, and a notice is dropped after a week") {
  Delivery d(to_webhook("https://dead.example/h"));
  d.tell(people("one"));
  d.run(24h);
  CHECK(d.web.tries < 110);
  d.run(6 * 24h + 2h);
  CHECK(d.outbox->waiting().empty());
  const int before = d.web.tries;
  d.run(24h);
  CHECK(d.web.tries == before);
}

TEST_CASE("notifier: a command that fails is run three times, one that wants to be asked later until it works; neither holds the next notice up for good") {
  NotifyConfig config;
  config.commands = {"page"};
  Delivery d(config);
  int runs = 0, status = 1;
  d.commands.run = [&](const ChildOrder&) {
    ++runs;
    return status;
  };
  d.tell(people("one"));
  d.run(24h);
  CHECK(runs == 3);
  CHECK(d.outbox->waiting().empty());
  status = 75;
  d.tell(people("two"));
  d.run(2h);
  CHECK(runs > 6);
  status = 0;
  d.run(1h);
  CHECK(d.outbox->waiting().empty());
}

TEST_CASE("notifier: a reload tries at once what waits") {
  Delivery d(to_webhook("https://chat.example/h"));
  d.web.refuses = 4;
  d.tell(people("one"));
  d.timers.after(8min, [&] { d.notifier->look(); });
  d.run(8min + 1s);
  CHECK(d.texts() == "one");
}

TEST_CASE("outbox: beyond its bound the oldest ping goes, or the oldest notice") {
  Delivery d(to_webhook("https://dead.example/h"));
  d.outbox->add(people("first"));
  d.outbox->add(ping("ping", "https://hc.example/u"));
  for (std::size_t i = 2; i < Outbox::kMost; ++i) d.outbox->add(people("more"));
  d.outbox->add(people("new"));
  CHECK(d.outbox->waiting().size() == Outbox::kMost);
  CHECK(d.outbox->waiting().begin()->second.notice.text == "first");
  CHECK_FALSE(d.outbox->waiting().contains(2));
  d.outbox->add(people("newer"));
  CHECK_FALSE(d.outbox->waiting().contains(1));
  CHECK(d.outbox->waiting().rbegin()->second.notice.text == "newer");
}

TEST_CASE("outbox: a file that is damaged, cut off, or none of ours is not told, and ends nobody") {
  Delivery d(to_webhook("https://chat.example/h"));
  Notice whole = people("one");
  whole.agents = {"web7", "web8"};
  d.tell(std::move(whole));
  const Buffer good = d.disk.content("/state/notices/000000000001");
  for (std::size_t size = 0; size < good.size(); ++size) CHECK_FALSE(parse_waiting(ByteView{good}.first(size)));
  const auto parsed = parse_waiting(good);
  REQUIRE(parsed);
  CHECK(parsed->notice.text == "one");
  CHECK(parsed->notice.agents == std::vector<std::string>{"web7", "web8"});
  CHECK(parsed->notice.to_people);
  Buffer bent = good;
  bent[20] ^= 1;
  write_file_atomically(d.disk, "/state/notices/000000000002", bent);
  write_file_atomically(d.disk, "/state/notices/readme", good);
  write_file_atomically(d.disk, "/state/notices/000000000003", good);
  d.disk.set_unreadable("/state/notices/000000000003");
  d.restart();
  d.run();
  CHECK(d.texts() == "one");
  CHECK(d.disk.files() == std::vector<std::string>{"/state/notices/000000000003", "/state/notices/readme"});
  d.disk.set_unreadable("/state/notices/000000000003", false);  // the disk gives it again
  d.restart();
  d.run();
  CHECK(d.texts() == "one one");
}

TEST_CASE("outbox: beside files with the last numbers later notices still have names that a restart knows") {
  Delivery d(to_webhook("https://chat.example/h"));
  d.tell(people("one"));
  const Buffer good = d.disk.content("/state/notices/000000000001");
  write_file_atomically(d.disk, "/state/notices/999999999999", good);
  write_file_atomically(d.disk, "/state/notices/900000000000", good);
  d.restart();
  d.tell(people("two"));
  d.restart();
  d.run();
  CHECK(d.texts() == "one two one one");
}

TEST_CASE("outbox: what was noted under a clock that was years behind waits its week from when that was set right") {
  sim::SimTimers timers;
  struct SetClock final : Clock {
    explicit SetClock(sim::SimTimers& t) : timers(t) {}
    WallTime wall() const override { return time; }
    SteadyTime steady() const override { return timers.now(); }
    WallTime time = WallTime{std::chrono::hours{24}};
    sim::SimTimers& timers;
  } clock{timers};
  sim::SimDisk disk;
  Outbox outbox(disk, "/state/notices", clock);
  outbox.add(people("the clock is wrong"));
  clock.time = build_time() + 1h;
  outbox.drop_old();
  CHECK(outbox.waiting().size() == 1);
  clock.time += Outbox::kLongest;
  outbox.drop_old();
  CHECK(outbox.waiting().empty());
}

TEST_CASE("notifier: what a server tells names the agents, in each way of telling") {
  NotifyConfig config;
  config.webhooks = {"https://chat.example/h"};
  config.mails = {"a@example.org"};
  config.commands = {"page"};
  Delivery d(config);
  d.tell({Event::overdue, "", "jobs are overdue", true, "", {"web7", "web8"}});
  d.tell({Event::recovered, "main", "job main of agent web7 is well again", true, "", {"web7"}});
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
  d.tell({Event::overdue, "", "a\x1b[2J\xff" + std::string(9000, '\x9b'), true, "", {"web7\nBcc: x@example.net\n\nspam\xc2\x9b"}});
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
  d.tell({Event::failed, "main", "first", true, ""});
  d.tell({Event::failed, "main", "second", true, ""});
  d.run();
  CHECK(d.web.calls.size() == 1);
  REQUIRE(d.commands.orders.size() == 2);
  CHECK(d.commands.orders[0].environment.back() == "FARKEEP_TEXT=first");
  CHECK(d.commands.orders[1].environment.back() == "FARKEEP_TEXT=second");
}
