"""The sketches from the core's first code review, to the letter."""
# Neither reformatted nor annotated: that they pass as they were written is the test.
# ruff: noqa
# mypy: ignore-errors
# fmt: off

import asyncio

import pytest

from voiceutils import AudioBuffer, PerformanceMetrics, with_retry


def test_audio_buffer_accumulation():
    """Test buffer accumulates chunks correctly."""
    buffer = AudioBuffer(buffer_size=100)

    # Add small chunk (< buffer_size)
    chunks = buffer.add(b'x' * 50)
    assert chunks == []
    assert buffer.size() == 50

    # Add chunk that completes buffer
    chunks = buffer.add(b'y' * 60)
    assert len(chunks) == 1
    assert len(chunks[0]) == 100
    assert buffer.size() == 10

def test_audio_buffer_flush():
    """Test flush returns remaining data."""
    buffer = AudioBuffer(buffer_size=100)
    buffer.add(b'x' * 50)

    flushed = buffer.flush()
    assert flushed == b'x' * 50
    assert buffer.size() == 0

    # Flush empty buffer
    assert buffer.flush() is None


@pytest.mark.asyncio
async def test_performance_metrics_tracking():
    """Test metrics are tracked correctly."""
    metrics = PerformanceMetrics()

    metrics.start_llm()
    await asyncio.sleep(0.1)
    metrics.track_llm_first_token()

    assert 'llm_time_to_first_token_ms' in metrics.get_metrics()
    assert metrics.get_metrics()['llm_time_to_first_token_ms'] >= 100

    # Second call should not update (flag check)
    metrics.track_llm_first_token()
    # Verify metric value unchanged

def test_metrics_reset():
    """Test reset clears all state."""
    metrics = PerformanceMetrics()
    metrics.start_llm()
    metrics.track_llm_first_token()

    metrics.reset()
    assert metrics.llm_start == 0
    assert metrics.first_llm_token is True
    # TODO: Should metrics dict also be cleared?


@pytest.mark.asyncio
async def test_retry_success_first_attempt():
    """Test function succeeds on first attempt."""
    call_count = 0

    async def succeed():
        nonlocal call_count
        call_count += 1
        return "success"

    result = await with_retry(succeed, max_retries=3)
    assert result == "success"
    assert call_count == 1

@pytest.mark.asyncio
async def test_retry_success_after_failures():
    """Test function succeeds after initial failures."""
    call_count = 0

    async def succeed_on_third():
        nonlocal call_count
        call_count += 1
        if call_count < 3:
            raise Exception("Not yet")
        return "success"

    result = await with_retry(succeed_on_third, max_retries=3, initial_delay=0.01)
    assert result == "success"
    assert call_count == 3

@pytest.mark.asyncio
async def test_retry_exhausted():
    """Test all retries exhausted raises exception."""
    async def always_fail():
        raise ValueError("Always fails")

    with pytest.raises(Exception) as exc_info:
        await with_retry(always_fail, max_retries=2, initial_delay=0.01)

    assert "failed after 2 attempts" in str(exc_info.value)
    assert "Always fails" in str(exc_info.value)

def test_exponential_backoff():
    """Test backoff increases exponentially."""
    # This would test the delay calculation logic
    # Could use time.time() or mock sleep to verify delays
