#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>

namespace farkeep {

namespace asio = boost::asio;

/// A coroutine that yields a T.  It does nothing until it is awaited or spawned into a Scope; one that is never awaited
/// never runs.  Parameters are values, except collaborators and buffers that outlive the task.
template <class T = void>
using task = asio::awaitable<T>;

/// Where coroutines run: one io_context, run by one thread.  Handed in by whoever builds the parts; never created
/// below.
using Executor = asio::any_io_executor;

}  // namespace farkeep
