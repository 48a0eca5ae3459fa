#include "async/workers.hpp"

#include <boost/asio/associated_executor.hpp>
#include <boost/asio/async_result.hpp>
#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/thread_pool.hpp>
#include <boost/asio/use_awaitable.hpp>

#include "base/check.hpp"

namespace farkeep {

struct ThreadWorkers::Pool {
  explicit Pool(std::size_t count) : threads(count) {}
  asio::thread_pool threads;
};

ThreadWorkers::ThreadWorkers(std::size_t threads) : threads_(threads), pool_(std::make_unique<Pool>(threads)) {
  FARKEEP_CHECK(threads > 0);
}

ThreadWorkers::~ThreadWorkers() {
  pool_->threads.stop();
  pool_->threads.join();
}

// One post there, one post back.  The guard keeps the caller's loop alive while nothing but us knows of the coroutine.
task<void> ThreadWorkers::run(Job& job) {
  auto start = [](auto handler, asio::thread_pool* pool, Job* work) {
    auto home = asio::make_work_guard(handler);
    asio::post(*pool, [handler = std::move(handler), home = std::move(home), work]() mutable {
      work->work();
      auto executor = home.get_executor();
      asio::post(executor, std::move(handler));
    });
  };
  co_await asio::async_initiate<const asio::use_awaitable_t<>&, void()>(start, asio::use_awaitable, &pool_->threads,
                                                                        &job);
}

task<void> InlineWorkers::run(Job& job) {
  job.work();
  co_return;
}

}  // namespace farkeep
