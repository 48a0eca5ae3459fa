#pragma once

#include <boost/asio/io_context.hpp>
#include <catch2/catch.hpp>
#include <functional>
#include <string>

#include "base/error.hpp"
#include "sim/sim_timers.hpp"
#include "store/store.hpp"

namespace farkeep::contract {

/// The suite that every Store passes before it is used.  Call check_store() from a test case; it makes the stores it
/// needs through `make`, each of them empty.
class StoreContract {
 public:
  using Make = std::function<std::unique_ptr<Store>()>;
  explicit StoreContract(Make make) : make_(std::move(make)) {}

  void check() {
    whole_objects();
    put_new_has_one_winner();
    replacing();
    ranges();
    listing();
    uploads();
    names();
  }

 private:
  template <class T>
  T run(task<T> work) {
    return sim::run(io_, timers_, std::move(work));
  }
  template <class T>
  Errc error_of(task<T> work) {
    try {
      static_cast<void>(run(std::move(work)));
    } catch (const failure& f) {
      return classify(f.code());
    }
    return Errc{};
  }
  static Buffer text(std::string_view t) { return to_buffer(as_bytes(t)); }
  std::string read(Store& store, const std::string& name) {
    auto body = run(store.get(name));
    return body ? to_string(*body) : "(none)";
  }

  void whole_objects() {
    auto store = make_();
    CHECK(read(*store, "a/b") == "(none)");
    run(store->put("a/b", text("one")));
    CHECK(read(*store, "a/b") == "one");
    run(store->put("a/b", text("one")));  // no error
    CHECK(read(*store, "a/b") == "one");
    run(store->put("empty", Buffer{}));
    CHECK(read(*store, "empty").empty());
    run(store->remove("a/b"));
    CHECK(read(*store, "a/b") == "(none)");
    run(store->remove("a/b"));  // gone already: no error
    run(store->put("a/b", text("two")));
    CHECK(read(*store, "a/b") == "two");
    CHECK(read(*store, "a/b/c") == "(none)");
  }

  void put_new_has_one_winner() {
    auto store = make_();
    CHECK(run(store->put_new("snap/1", text("first"))));
    CHECK_FALSE(run(store->put_new("snap/1", text("second"))));
    CHECK(read(*store, "snap/1") == "first");
    // Two at once.
    int winners = 0, ended = 0;
    std::vector<std::string> bodies{"x", "y"};
    for (const std::string& body : bodies) {
      asio::co_spawn(io_, store->put_new("snap/2", text(body)), [&](const std::exception_ptr& e, bool won) {
        CHECK(!e);
        winners += won;
        ++ended;
      });
    }
    sim::run_until(io_, timers_, [&] { return ended == 2; });
    CHECK(winners == 1);
  }

  void replacing() {
    auto store = make_();
    run(store->replace("partner/1", text("first")));  // nothing there: no error
    CHECK(read(*store, "partner/1") == "first");
    run(store->replace("partner/1", text("2nd")));
    CHECK(read(*store, "partner/1") == "2nd");
    run(store->put("partner/2", text("other")));
    run(store->replace("partner/2", text("longer than the one before")));
    std::vector<ObjectInfo> both{{"partner/1", 3}, {"partner/2", 26}};
    CHECK(run(store->list("partner/")) == both);
    CHECK_FALSE(run(store->put_new("partner/1", text("third"))));
    CHECK(error_of(store->replace("partner//1", Buffer{})) == Errc::malformed);
  }

  void ranges() {
    auto store = make_();
    run(store->put("r", text("0123456789")));
    CHECK(to_string(run(store->get_range("r", 2, 3))) == "234");
    CHECK(to_string(run(store->get_range("r", 8, 5))) == "89");
    CHECK(run(store->get_range("r", 10, 5)).empty());
    CHECK(run(store->get_range("r", 99, 5)).empty());
    CHECK(run(store->get_range("r", 0, 0)).empty());
    CHECK(error_of(store->get_range("none", 0, 1)) == Errc::not_found);
  }

  void listing() {
    auto store = make_();
    CHECK(run(store->list("")).empty());
    CHECK(run(store->list("v/")).empty());
    for (const char* name : {"v/b/seg/2", "v/b/seg/1", "v/a/seg/1", "v/b/snap/1", "top", "v2/x"})
      run(store->put(name, text(name)));
    std::vector<ObjectInfo> below{{"v/b/seg/1", 9}, {"v/b/seg/2", 9}};
    CHECK(run(store->list("v/b/seg/")) == below);
    CHECK(run(store->list("v/")).size() == 4);
    auto all = run(store->list(""));
    CHECK(all.size() == 6);
    CHECK(std::is_sorted(all.begin(), all.end(), [](auto& x, auto& y) { return x.name < y.name; }));
    CHECK(run(store->list_folders("v/")) == std::vector<std::string>{"a", "b"});
    CHECK(run(store->list_folders("v/b/")) == std::vector<std::string>{"seg", "snap"});
    CHECK(run(store->list_folders("")) == std::vector<std::string>{"v", "v2"});
    CHECK(run(store->list_folders("v/b/seg/")).empty());
  }

  void uploads() {
    auto store = make_();
    auto upload = run(store->begin("seg/1"));
    run(upload->append(text("head ")));
    CHECK(read(*store, "seg/1") == "(none)");
    CHECK(run(store->list("")).empty());
    run(upload->append(text("tail")));
    run(upload->finish());
    upload.reset();
    CHECK(read(*store, "seg/1") == "head tail");

    upload = run(store->begin("seg/2"));
    run(upload->append(text("never")));
    upload.reset();
    CHECK(read(*store, "seg/2") == "(none)");
    CHECK(run(store->leftovers("")).empty());

    upload = run(store->begin("seg/1"));
    run(upload->append(text("again")));
    CHECK(error_of(upload->finish()) == Errc::exists);
    upload.reset();
    CHECK(read(*store, "seg/1") == "head tail");
  }

  void names() {
    auto store = make_();
    for (const char* bad : {"", "/a", "a/", "a//b", ".", "a/..", "../a", "A", "a b", "a\\b", "a+b", "x.obj", "\xc3\xa4"}) {
      INFO(bad);
      CHECK(error_of(store->put(bad, Buffer{})) == Errc::malformed);
      CHECK(error_of(store->get(bad)) == Errc::malformed);
      CHECK(error_of(store->begin(bad)) == Errc::malformed);
    }
    CHECK(error_of(store->put(std::string(201, 'a'), Buffer{})) == Errc::malformed);
    run(store->put(std::string(200, 'a'), Buffer{}));
    CHECK(error_of(store->list("v")) == Errc::malformed);
    CHECK(error_of(store->list("../")) == Errc::malformed);
    run(store->put("a-b_c.d/0", Buffer{}));
  }

  Make make_;
  asio::io_context io_;
  sim::SimTimers timers_;
};

}  // namespace farkeep::contract
