"""The API of websockets for asyncio."""
