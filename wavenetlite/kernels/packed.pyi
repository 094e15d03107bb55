from typing import final

@final
class Block: ...

@final
class Blocks: ...
