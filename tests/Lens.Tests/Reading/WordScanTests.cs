namespace HeadTap.Lens.Tests;

public sealed class WordScanTests
{
    static LensWords Words(params int[] ids) => new([.. ids.Select(id => new LensToken(id, 0))], 0);

    [Test]
    public void A_word_counts_once_for_each_prompt_and_equals_stand_by_id()
    {
        bool[] listed = [true, false, true, true, true];
        LayerReading layer = new(3, [],
        [
            new(0, [Words(4, 1, 2), Words(2, 3, 4), Words(1, 3, 2)]), new(5, [Words(1), Words(1), Words(0)]),
        ]);
        WordScan found = WordScan.Of([layer], listed);
        ScannedHead head = found.Heads[0];
        Assert.That((head.Layer, head.Head, head.Mean), Is.EqualTo((3, (int?)0, 7.0 / 3)));
        Assert.That(head.Found, Is.EqualTo(((int, int)[])[(2, 3), (3, 2), (4, 2)]));
        Assert.That((found.Heads[1].Head, found.Heads[1].Mean), Is.EqualTo(((int?)5, 1.0 / 3)));
        Assert.That(found.Best.Single(), Is.EqualTo(head));
    }

    [Test]
    public void Where_no_heads_are_read_the_layer_is()
    {
        WordScan found = WordScan.Of([new(2, [Words(0, 1), Words(1, 1)], [])], [false, true]);
        Assert.That(found.Heads.Select(h => (h.Layer, h.Head, h.Mean)),
            Is.EqualTo(((int, int?, double)[])[(2, null, 1.5)]));
    }
}
