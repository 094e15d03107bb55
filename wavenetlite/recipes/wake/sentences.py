"""Ordinary sentences: what voices say that no wake word is in."""

from __future__ import annotations

SENTENCES = tuple(
    """\
The kettle is boiling, would you like some tea?
I left my umbrella on the train this morning.
Can you remind me to call the dentist on Thursday?
We should paint the kitchen yellow before the summer.
He never told me how the story ended.
Turn the lights down a little, the film is starting.
There are eleven apples and two pears in the basket.
My sister moved to a village near the mountains.
Please close the window, it is getting cold in here.
The bus was late again, so we walked along the river.
What would you cook if nobody had any garlic?
They have been building that bridge for seven years.
I think the cat has been sleeping on your jacket.
Play something quiet, maybe a piano or a guitar.
She bought fresh bread and a jar of honey at the market.
How far is it from here to the station?
Nobody answered the door, although the radio was on.
The doctor says that I should drink more water.
Tomorrow it will rain in the north and clear up by noon.
You can put the boxes under the stairs for now.
Our neighbours are going away for the whole of March.
It took me an hour to find my other shoe.
Set a timer for twenty minutes and another for an hour.
The children drew a whale on the garden wall.
Is there any milk left, or did you finish it?
I heard that the museum is free on Sundays.
Let us wait until the soup has cooled down.
His voice was so soft that we hardly heard a word.
The printer is out of paper, and nobody knows where we keep it.
Grandmother used to sing this song when we were small.
Why do the leaves turn red before they fall?
Maybe we can borrow a ladder from the people next door.
The meeting was moved from Monday to Wednesday afternoon.
I cannot remember the name of that actor.
A parcel came for you while you were out.
Say hello to your parents when you see them.
The hay in the barn has to stay dry.
They may sell the car and buy bicycles instead.
Hold on, somebody is ringing the bell.
Every evening the fishermen come back with empty nets.
Could you pass me the salt and the small spoon?
The lamp in the hall flickers whenever it is windy.
We watched the stars from the roof until midnight.
Our team lost by a single point in the last minute.
Do not forget to water the plants on the balcony.
The shop closes at six, so we had better hurry.
He wrote the letter twice and burned both copies.
Somewhere in this drawer there must be a pair of scissors.
I would rather take the stairs than this old lift.
The teacher asked us to read the first three chapters.
Your coat is hanging behind the bathroom door.
What did the weather report say about the weekend?
The baker opens early, at half past five.
My computer makes a strange noise when it gets warm.
On Friday we had pancakes with lemon and sugar.
Do you know whether the pharmacy is still open?
The river froze over that winter, and we learned to skate.
I have been looking for my glasses all day long.
A small dog followed us all the way home.
The musicians were tuning their violins behind the curtain.
This chair is more comfortable than it looks.
Give me a moment, I have to write that down.
She speaks four languages and is learning a fifth.
The cellar smells of apples and old newspapers.
If you see Peter, tell him that dinner is ready.
We turned left at the church and got completely lost.
The oven should be hot enough in about ten minutes.
Nothing happened for a while, then the lights went out.
They were arguing about who had broken the vase.
I like the blue one better, but it costs too much.
The ferry leaves every two hours from the old harbour.
Have you ever tried to teach a parrot to whistle?
Last night the wind tore a branch off the cherry tree.
Just leave the keys with the woman at the desk.
The more he practised, the worse it sounded.
Seven nine four, two double eight, one six three.
Excuse me, is this seat taken?
All of the tickets were sold within a day.
Volume up, please, I can hardly hear the news.
There is a hole in my left pocket.
The moon rose over the marshes, round and orange.
We could grill the vegetables and boil some rice.
Where did you put the charger for the telephone?
The judge listened carefully and said nothing.
It is a long way down, so mind your step.
An owl lives in the tower of the castle.
Stop worrying, we have plenty of time.
The garden gate squeaks, somebody ought to oil it.
I dreamed that I could breathe under water.
Wake me up at seven, or better at a quarter past.
Half of the class had a cold that week.
Good morning, I would like to change some money.
The engineers checked every bolt before the launch.
She laughed so loudly that the baby woke up.
Look at the clouds over there, they are almost green.
He has a habit of answering questions with questions.
The library will be closed for repairs until autumn.
Add butter, rice and washing powder to the shopping list.
No, I said fifteen, not fifty.
We are out of coffee, which is a small disaster.
The train on platform nine does not stop at Mill Hill.
Okay, now open the box very slowly.
The jazz band next door rehearses on Tuesdays.
Nine sailors shared a single orange.
You never know what the tide will bring in.
The new carpet is thick, soft and rather ugly.
I shall be there in five minutes, I promise.
Alice and Marcus are carving a marble horse.
Marshall sells seashells and candles in the arcade.
Hey, come here and look at this!
Hey there, how have you been?
Hello, is anybody at home?
Okay, what shall we do next?
""".splitlines()
)
"""In English; written for this package."""


def words(sentences: tuple[str, ...] = SENTENCES) -> tuple[str, ...]:
    """The words of some sentences, each once, in the order of the alphabet."""
    plain = {word.strip("'").lower() for sentence in sentences for word in
             "".join(c if c.isalpha() or c == "'" else " " for c in sentence).split()}  # fmt: skip
    return tuple(sorted(plain - {""}))
