#include <boost/asio/buffer.hpp>
#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <condition_variable>
#include <mutex>
#include <optional>
#include <thread>
#include <utility>

#include "async/child.hpp"
#include "async/waiters.hpp"
#include "base/error.hpp"

namespace farkeep {
namespace {

// What the process and its watcher share.  Two threads wait for each command, the usual portable way: one for its end, one for the time at which it
// must have ended; both outlive the Child if they must.
struct Life {
  explicit Life(int child) : id(child) {}
  const int id;
  std::mutex mutex;
  std::condition_variable over;
  bool reaped = false;  // its number may belong to somebody else from here on

  void signal(ChildSignal s) {
    const std::lock_guard lock(mutex);
    if (!reaped) signal_child(id, s);
  }
};

// What the loop's side waits for; lives on the loop's thread.
struct Ending {
  std::optional<int> status;
  Waiters ended;
};

class SystemChild final : public Child {
 public:
  SystemChild(const Executor& executor, StartedChild started, std::chrono::milliseconds grace)
      : grace_(grace), life_(std::make_shared<Life>(started.id)), output_(executor, started.output.release()), errors_(executor, started.errors.release()) {
    std::thread([life = life_, ending = ending_, work = asio::make_work_guard(executor)] {
      const int status = wait_for_child(life->id);
      {
        const std::lock_guard lock(life->mutex);
        life->reaped = true;
      }
      life->over.notify_all();
      asio::post(work.get_executor(), [ending, status] {
        ending->status = status;
        ending->ended.wake_all();
      });
    }).detach();
  }

  ~SystemChild() override {
    if (ending_->status) return;
    life_->signal(ChildSignal::ask);
    std::thread([life = life_, grace = grace_] {
      std::unique_lock lock(life->mutex);
      if (!life->over.wait_for(lock, grace, [&] { return life->reaped; })) signal_child(life->id, ChildSignal::kill);
    }).detach();
  }

  task<std::size_t> read_output(MutableByteView into) override { return read(output_, into); }
  task<std::size_t> read_errors(MutableByteView into) override { return read(errors_, into); }

  task<int> ended() override {
    while (!ending_->status) co_await ending_->ended.wait();
    co_return *ending_->status;
  }

 private:
  static task<std::size_t> read(asio::posix::stream_descriptor& from, MutableByteView into) {
    boost::system::error_code error;
    auto token = asio::redirect_error(asio::use_awaitable, error);
    const std::size_t n = co_await from.async_read_some(asio::buffer(into.data(), into.size()), token);
    if (error && error != asio::error::eof) throw failure(error, "reading what a command prints");
    co_return n;
  }

  const std::chrono::milliseconds grace_;
  std::shared_ptr<Life> life_;
  std::shared_ptr<Ending> ending_ = std::make_shared<Ending>();
  asio::posix::stream_descriptor output_, errors_;
};

}  // namespace

task<std::unique_ptr<Child>> SystemChildren::start(ChildOrder order) {
  const Executor executor = co_await asio::this_coro::executor;
  StartedChild started = start_child(order);
  co_return std::make_unique<SystemChild>(executor, std::move(started), grace_);
}

Children& system_children() {
  static SystemChildren children;
  return children;
}

}  // namespace farkeep
