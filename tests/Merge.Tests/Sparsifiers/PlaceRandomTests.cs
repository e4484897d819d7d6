namespace HeadTap.Merge.Tests;

/// <summary>Masks by vectors of places against one place at a time.</summary>
public class PlaceRandomTests
{
    [Test]
    public void A_vector_of_places_has_the_numbers_of_each(
        [Values(1, 7, 8, 16, 41)] int n, [Values(0, 3, 1L << 40)] long start,
        [Values(0, 1e-16, 0.3, 0.999, 1)] double share)
    {
        var random = new PlaceRandom(5, "h.0.attn.c_attn.weight", 2);
        float[] values = Tensors.Normal(1, n), to = Tensors.Normal(2, n);
        float[] expected = [.. values.Select((v, i) => random.At(start + i) < share ? v : to[i])];
        random.Where(start, share, values, to);
        Assert.That(to, Is.EqualTo(expected));
    }

    [Test]
    public void A_share_that_is_one_of_the_numbers_leaves_its_place_out()
    {
        var random = new PlaceRandom(5, "w", 0);
        float[] values = [.. Enumerable.Repeat(1f, 64)], to = new float[64];
        random.Where(0, random.At(11), values, to);
        Assert.Multiple(() =>
        {
            Assert.That(to[11], Is.Zero);
            Assert.That(to, Is.EqualTo(values.Select((_, i) => random.At(i) < random.At(11) ? 1f : 0f)));
        });
    }
}
